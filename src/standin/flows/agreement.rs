//! A flow that asks for consent between the steps: an agreement after sign-on and registration.

use super::parts::{TO_END, aside, field, form, nodes, password, primary, text, to};
use crate::standin::flow::{Flow, Form, Lead, Node, Outcome, Role, Task};

/// The stock flow's keys with an agreement in between.
pub(super) static AGREEMENT: Flow = Flow {
    name: "agreement",
    id: "2fd52cd3f76a7619d86f65742197c787",
    opening: (Task::Nothing, &to("jrd7sxvrw3")),
    checks_session: true,
    input: &[],
    keys: &[],
    forms: FORMS,
    nodes: &NODES,
};

static FORMS: &[Form] = &[
    form(
        "jrd7sxvrw3",
        ("Sign On", "Enter credentials"),
        &[text("username", "Username"), password("password", "Password")],
        &[
            primary(
                "SIGNON",
                "Sign On",
                Task::CheckPassword,
                &[
                    (Outcome::Done, Lead::Form("4rht5sff3n")),
                    (Outcome::MustChange, Lead::Form("mbjnyxu04v")),
                    (Outcome::Unverified, Lead::Form("t00vdnclch")),
                ],
            ),
            aside("REGISTER", "No account? Register now!", Task::Nothing, &to("82ul0qpx37")),
            aside("TROUBLE", "Having trouble signing on?", Task::Nothing, &to("67iogy7dry")),
        ],
    ),
    form(
        "4rht5sff3n",
        ("Terms of Service", "Agree to the terms to go on"),
        &[field(
            ("AGREEMENT", "", ""),
            r#""content":"You may use this tenant for tests, and for nothing else.","title":"Terms of Service","titleEnabled":true,"enabled":true,"agreement":{"id":"9c1d6f0b-2e84-4b7a-a35c-5d2f8e7b1c90","useDynamicAgreement":false}"#,
            "",
        )],
        &[primary("CONTINUE", "I agree", Task::Nothing, TO_END)],
    ),
    form(
        "82ul0qpx37",
        ("Registration", "Collect Name, Email, Password"),
        &[
            text("email", "Email"),
            password("password", "Password"),
            text("givenName", "Given Name"),
            text("familyName", "Family Name"),
        ],
        &[
            primary("REGISTER", "Continue", Task::CreateUser, &to("t00vdnclch")),
            aside("CANCEL", "Already have an account? Sign On", Task::Nothing, &to("jrd7sxvrw3")),
        ],
    ),
    form(
        "t00vdnclch",
        ("Verification", "Enter verification code"),
        &[text("passcode", "Verification Code")],
        &[
            primary("VERIFY", "Verify", Task::Verify, &to("4rht5sff3n")),
            aside(
                "RESEND",
                "Resend Verification Code",
                Task::ResendVerification,
                &to("t00vdnclch"),
            ),
        ],
    ),
    form(
        "67iogy7dry",
        ("Recovery", "Collect username for password recovery"),
        &[text("username", "Username")],
        &[
            primary("CONTINUE", "Continue", Task::SendRecovery, &to("xtzhq9wwz7")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("jrd7sxvrw3")),
        ],
    ),
    form(
        "xtzhq9wwz7",
        ("New Password", "Collect recovery code and new password"),
        &[
            text("recoveryCode", "Recovery Code"),
            password("newPassword", "New Password"),
            password("verifyNewPassword", "Verify New Password"),
        ],
        &[
            primary("UPDATE", "Update Password", Task::Recover, &to("4rht5sff3n")),
            aside("RESEND", "Resend Recovery Code", Task::ResendRecovery, &to("xtzhq9wwz7")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("jrd7sxvrw3")),
        ],
    ),
    form(
        "mbjnyxu04v",
        ("Change Password", "Collect current and new password"),
        &[
            password("currentPassword", "Current Password"),
            password("newPassword", "New Password"),
            password("verifyNewPassword", "Verify New Password"),
        ],
        &[
            primary("UPDATE", "Update Password", Task::ChangePassword, &to("4rht5sff3n")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("jrd7sxvrw3")),
        ],
    ),
];

static NODES: [(Role, Node); 14] = nodes([
    "hvzwnlrneh",
    "dn9loi03w5",
    "rwd7sau4iy",
    "l6i5p55qob",
    "bndyktwbxz",
    "e17h7yt8ex",
    "7dfolqvpl6",
    "kbqe3t8w8v",
    "rzqc1chyiy",
    "u001v0f0sd",
    "jot6rssuwv",
    "s457vzaf0k",
    "pu79681gru",
    "gi5a0pa1uk",
]);
