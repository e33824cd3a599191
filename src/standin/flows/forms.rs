//! Sign-on, registration and recovery made with the forms editor: dotted keys, one submit button
//! per page, links aside, passwords typed once for two boxes.

use super::parts::{FORMS, TO_END, field, form, link, nodes, password, primary, styled, text, to};
use crate::standin::flow::{Field, Flow, Form, Lead, Node, Outcome, Role, Task};

/// The flow of PingOne forms.
pub(super) static FORMS_FLOW: Flow = Flow {
    name: "forms",
    id: "b55817e78a6ec015bac4e778c76c48c5",
    opening: (Task::Nothing, &to("aw71bnmliq")),
    checks_session: true,
    input: &[],
    keys: &[
        ("username", "user.username"),
        ("password", "user.password"),
        ("email", "user.email"),
        ("givenName", "user.name.given"),
        ("familyName", "user.name.family"),
        ("passcode", "verificationCode"),
        ("currentPassword", "user.currentPassword"),
        ("newPassword", "user.newPassword"),
        ("verifyNewPassword", "user.newPassword"),
    ],
    forms: PAGES,
    nodes: &NODES,
};

/// The policy that new passwords are shown with: the documented standard one.
const POLICY: &str = r#""required":true,"verify":true,"passwordPolicy":{"name":"Standard","description":"The standard policy of this tenant","excludesProfileData":true,"notSimilarToCurrent":true,"excludesCommonlyUsed":true,"maxRepeatedCharacters":2,"minUniqueCharacters":5,"history":{"count":6,"retentionDays":365},"lockout":{"failureCount":5,"durationSeconds":900},"length":{"min":8,"max":255},"minCharacters":{"ABCDEFGHIJKLMNOPQRSTUVWXYZ":1,"abcdefghijklmnopqrstuvwxyz":1,"0123456789":1,"~!@#$%^&*()-_=+[]{}|;:,.<>/?":1},"default":true}"#;

const fn required(key: &'static str, label: &'static str) -> Field {
    field(("TEXT", key, label), r#""required":true"#, r#""""#)
}

const fn chosen(key: &'static str, label: &'static str) -> Field {
    field(("PASSWORD_VERIFY", key, label), POLICY, r#""""#)
}

const fn heading(content: &'static str) -> Field {
    field(("LABEL", "", ""), content, "")
}

static PAGES: &[Form] = &[
    styled(
        &FORMS,
        form(
            "aw71bnmliq",
            ("Sign On", "Sign on with your account"),
            &[
                heading(r#""content":"Welcome back""#),
                required("user.username", "Username"),
                field(("PASSWORD", "user.password", "Password"), r#""required":true"#, r#""""#),
            ],
            &[
                primary(
                    "submit",
                    "Sign On",
                    Task::CheckPassword,
                    &[
                        (Outcome::Done, Lead::Success),
                        (Outcome::MustChange, Lead::Form("xxy131q7bo")),
                        (Outcome::Locked, Lead::Form("p374z43h5x")),
                        (Outcome::Unverified, Lead::Form("ezh3vtgltm")),
                    ],
                ),
                link("registerBtn", "No account? Register now!", Task::Nothing, &to("qazx4tub48")),
                link("forgotBtn", "Having trouble signing on?", Task::Nothing, &to("i09i7864o5")),
            ],
        ),
    ),
    styled(
        &FORMS,
        form(
            "qazx4tub48",
            ("Create Your Profile", "Enter the required information below."),
            &[
                field(
                    ("TEXT", "user.email", "Email Address"),
                    r#""required":true,"validation":{"regex":"^[^@\\s]+@[^@\\s]+$","errorMessage":"Must be a valid email address"}"#,
                    r#""""#,
                ),
                chosen("user.password", "Password"),
                text("user.name.given", "Given Name"),
                text("user.name.family", "Family Name"),
            ],
            &[
                primary("submit", "Save", Task::CreateUser, &to("ezh3vtgltm")),
                link("cancelBtn", "Already have an account?", Task::Nothing, &to("aw71bnmliq")),
            ],
        ),
    ),
    styled(
        &FORMS,
        form(
            "ezh3vtgltm",
            ("Verify Your Email", "Enter the code that was sent to you"),
            &[required("verificationCode", "Verification Code")],
            &[
                primary("submit", "Verify", Task::Verify, TO_END),
                link("resendBtn", "Send another code", Task::ResendVerification, &to("ezh3vtgltm")),
            ],
        ),
    ),
    styled(
        &FORMS,
        form(
            "i09i7864o5",
            ("Forgot Password", "Whose password is lost?"),
            &[required("user.username", "Username")],
            &[
                primary("submit", "Continue", Task::SendRecovery, &to("gweytpqbcp")),
                link("cancelBtn", "Cancel", Task::Nothing, &to("aw71bnmliq")),
            ],
        ),
    ),
    styled(
        &FORMS,
        form(
            "gweytpqbcp",
            ("Reset Your Password", "Enter the code and a new password"),
            &[
                required("recoveryCode", "Recovery Code"),
                chosen("user.newPassword", "New Password"),
            ],
            &[
                primary("submit", "Save", Task::Recover, TO_END),
                link("resendBtn", "Send another code", Task::ResendRecovery, &to("gweytpqbcp")),
                link("cancelBtn", "Cancel", Task::Nothing, &to("aw71bnmliq")),
            ],
        ),
    ),
    styled(
        &FORMS,
        form(
            "xxy131q7bo",
            ("Change Your Password", "Your password has to be changed"),
            &[
                password("user.currentPassword", "Current Password"),
                chosen("user.newPassword", "New Password"),
            ],
            &[
                primary("submit", "Save", Task::ChangePassword, TO_END),
                link("cancelBtn", "Cancel", Task::Nothing, &to("aw71bnmliq")),
            ],
        ),
    ),
    styled(
        &FORMS,
        form(
            "p374z43h5x",
            ("Account Locked", "Too many wrong passwords"),
            &[heading(r#""content":"Your account will unlock in a while.""#)],
            &[link("backBtn", "Back", Task::Nothing, &to("aw71bnmliq"))],
        ),
    ),
];

static NODES: [(Role, Node); 14] = nodes([
    "k3h45ttdq5",
    "ect8dmd7nc",
    "cmyonk68kt",
    "srl7f6h94r",
    "un827omq1g",
    "oalpsourny",
    "xdbi6p16xr",
    "ye9wo9uqsd",
    "f813cr3u1h",
    "exlh73jb5x",
    "p67g1sguhz",
    "sdw8aqs5p9",
    "4mwzs54w2l",
    "ovttnns28v",
]);
