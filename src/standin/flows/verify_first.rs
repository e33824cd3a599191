//! A flow that asks for the address and proves it before there is an account: other keys, other
//! order, other number of pages than the stock flow.

use super::parts::{TO_END, aside, form, nodes, password, primary, text, to};
use crate::standin::flow::{Flow, Form, Lead, Node, Outcome, Role, Task};

/// Address, then code, then profile.
pub(super) static VERIFY_FIRST: Flow = Flow {
    name: "verify-first",
    id: "c2029f7c3ddb565ad52f1ac6bdf94355",
    opening: (Task::Nothing, &to("aojhb83v6m")),
    checks_session: true,
    input: &[],
    keys: &[
        ("email", "user.email"),
        ("givenName", "user.name.given"),
        ("familyName", "user.name.family"),
        ("passcode", "verificationCode"),
    ],
    forms: FORMS,
    nodes: &NODES,
};

static FORMS: &[Form] = &[
    form(
        "aojhb83v6m",
        ("Welcome", "Sign on or register"),
        &[text("username", "Email or username"), password("password", "Password")],
        &[
            primary(
                "SIGNON",
                "Sign On",
                Task::CheckPassword,
                &[
                    (Outcome::Done, Lead::Success),
                    (Outcome::MustChange, Lead::Form("q8sye2nja3")),
                    (Outcome::Locked, Lead::Form("jgzdul48vw")),
                    (Outcome::Unverified, Lead::Form("pme0rqspya")),
                ],
            ),
            aside("REGISTER", "Create an account", Task::Nothing, &to("0ju206l4cd")),
            aside("TROUBLE", "Forgot your password?", Task::Nothing, &to("b9zqkvcz8g")),
        ],
    ),
    form(
        "0ju206l4cd",
        ("Your Address", "Where can we reach you?"),
        &[text("user.email", "Email")],
        &[
            primary("CONTINUE", "Continue", Task::Claim, &to("qd2l8hfv30")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("aojhb83v6m")),
        ],
    ),
    form(
        "qd2l8hfv30",
        ("Prove Your Address", "Enter the code that was sent to you"),
        &[text("verificationCode", "Code")],
        &[
            primary("VERIFY", "Verify", Task::ProveClaim, &to("t6lia9dut4")),
            aside("RESEND", "Send another code", Task::ResendClaim, &to("qd2l8hfv30")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("aojhb83v6m")),
        ],
    ),
    form(
        "t6lia9dut4",
        ("Your Profile", "Almost done"),
        &[
            text("user.name.given", "Given Name"),
            text("user.name.family", "Family Name"),
            password("password", "Password"),
        ],
        &[primary("REGISTER", "Create account", Task::CreateClaimed, TO_END)],
    ),
    form(
        "pme0rqspya",
        ("Prove Your Address", "Your address was not verified yet"),
        &[text("verificationCode", "Code")],
        &[
            primary("VERIFY", "Verify", Task::Verify, TO_END),
            aside("RESEND", "Send another code", Task::ResendVerification, &to("pme0rqspya")),
        ],
    ),
    form(
        "b9zqkvcz8g",
        ("Lost Password", "Whose password is lost?"),
        &[text("username", "Email or username")],
        &[
            primary("CONTINUE", "Continue", Task::SendRecovery, &to("n2uj02aalc")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("aojhb83v6m")),
        ],
    ),
    form(
        "n2uj02aalc",
        ("New Password", "Enter the code and a new password"),
        &[
            text("recoveryCode", "Code"),
            password("newPassword", "New password"),
            password("verifyNewPassword", "New password again"),
        ],
        &[
            primary("UPDATE", "Save", Task::Recover, TO_END),
            aside("RESEND", "Send another code", Task::ResendRecovery, &to("n2uj02aalc")),
            aside("CANCEL", "Cancel", Task::Nothing, &to("aojhb83v6m")),
        ],
    ),
    form(
        "q8sye2nja3",
        ("Password Expired", "Choose a new password"),
        &[
            password("currentPassword", "Current password"),
            password("newPassword", "New password"),
            password("verifyNewPassword", "New password again"),
        ],
        &[
            primary("UPDATE", "Save", Task::ChangePassword, TO_END),
            aside("CANCEL", "Cancel", Task::Nothing, &to("aojhb83v6m")),
        ],
    ),
    form(
        "jgzdul48vw",
        ("Locked", "Too many wrong passwords"),
        &[],
        &[aside("BACK", "Back", Task::Nothing, &to("aojhb83v6m"))],
    ),
];

static NODES: [(Role, Node); 14] = nodes([
    "xuy1opakx6",
    "zbpc4o9aff",
    "q3to9e5j2e",
    "hks565xoj3",
    "r1rr29b3tf",
    "p5p7557dnt",
    "bt03vpoavi",
    "jfgdsncyib",
    "m0tqzz1kbt",
    "hcm94vhjbh",
    "pto0ln7c5w",
    "dzsgb3xtu7",
    "ptazpzw8ay",
    "hvhyiq4lih",
]);
