//! The stock flow: sign-on with registration, password change and recovery.
//!
//! Ids, names, keys and labels of the nodes that the documentation prints are those (documented);
//! the rest is invented in their manner. The id `leznhnimpg` is printed after a refused
//! registration without saying what the node is: here it refuses duplicates and empty addresses.

use super::parts::{TO_END, aside, form, nodes, password, primary, text};
use crate::standin::flow::{Flow, Form, Lead, Leads, Node, Outcome, Role, Task};

/// Sign-on with registration, password change and recovery.
pub static STOCK: Flow = Flow {
    name: "stock",
    id: "1041e8016fd7c57f6551739cb6e10c99",
    opening: (Task::Nothing, TO_LOGIN),
    checks_session: true,
    input: &[],
    keys: &[],
    forms: FORMS,
    nodes: &NODES,
};

const TO_LOGIN: Leads = &[(Outcome::Done, Lead::Form("65u7m8cm28"))];
const TO_VERIFY: Leads = &[(Outcome::Done, Lead::Form("o4yhix414e"))];
const TO_RECOVERY: Leads = &[(Outcome::Done, Lead::Form("9gi11xivkc"))];

static FORMS: &[Form] = &[
    form(
        "65u7m8cm28",
        ("Username/Password Form", "Enter credentials"),
        &[text("username", "Username"), password("password", "Password")],
        &[
            primary(
                "SIGNON",
                "Sign On",
                Task::CheckPassword,
                &[
                    (Outcome::Done, Lead::Success),
                    (Outcome::MustChange, Lead::Form("yscz5j5r84")),
                    (Outcome::Locked, Lead::Form("7mtr7zq5h6")),
                    (Outcome::Unverified, Lead::Form("o4yhix414e")),
                ],
            ),
            aside(
                "REGISTER",
                "No account? Register now!",
                Task::Nothing,
                &[(Outcome::Done, Lead::Form("1k5y98i1v1"))],
            ),
            aside(
                "TROUBLE",
                "Having trouble signing on?",
                Task::Nothing,
                &[(Outcome::Done, Lead::Form("afyus0g868"))],
            ),
        ],
    ),
    form(
        "1k5y98i1v1",
        ("Registration Form", "Collect Name, Email, Password"),
        &[
            text("email", "Email"),
            password("password", "Password"),
            text("givenName", "Given Name"),
            text("familyName", "Family Name"),
        ],
        &[
            primary("REGISTER", "Continue", Task::CreateUser, TO_VERIFY),
            aside("CANCEL", "Already have an account? Sign On", Task::Nothing, TO_LOGIN),
        ],
    ),
    form(
        "o4yhix414e",
        ("Verification Code Form", "Enter verification code"),
        &[text("passcode", "Verification Code")],
        &[
            primary("VERIFY", "Verify", Task::Verify, &[(Outcome::Done, Lead::Form("h2cy2gkjip"))]),
            aside("RESEND", "Resend Verification Code", Task::ResendVerification, TO_VERIFY),
        ],
    ),
    form(
        "h2cy2gkjip",
        ("Registration Complete", "Notify User Account Is Successfully Created"),
        &[],
        &[primary("NEXT", "Continue", Task::Nothing, TO_END)],
    ),
    form(
        "afyus0g868",
        ("User Identifier Form", "Collect username for password recovery"),
        &[text("username", "Username")],
        &[
            primary("CONTINUE", "Continue", Task::SendRecovery, TO_RECOVERY),
            aside("CANCEL", "Cancel", Task::Nothing, TO_LOGIN),
        ],
    ),
    form(
        "9gi11xivkc",
        ("Password Recovery Form", "Collect recovery code and new password"),
        &[
            text("recoveryCode", "Recovery Code"),
            password("newPassword", "New Password"),
            password("verifyNewPassword", "Verify New Password"),
        ],
        &[
            primary(
                "UPDATE",
                "Update Password",
                Task::Recover,
                &[(Outcome::Done, Lead::Form("c28j6unuv1"))],
            ),
            aside("RESEND", "Resend Recovery Code", Task::ResendRecovery, TO_RECOVERY),
            aside("CANCEL", "Cancel", Task::Nothing, TO_LOGIN),
        ],
    ),
    form(
        "c28j6unuv1",
        ("Password Reset Success", "Notify that the password was recovered"),
        &[],
        &[primary("NEXT", "Continue", Task::Nothing, TO_END)],
    ),
    form(
        "yscz5j5r84",
        ("Change Password Form", "Collect current and new password"),
        &[
            password("currentPassword", "Current Password"),
            password("newPassword", "New Password"),
            password("verifyNewPassword", "Verify New Password"),
        ],
        &[
            primary(
                "UPDATE",
                "Update Password",
                Task::ChangePassword,
                &[(Outcome::Done, Lead::Form("3rcqks6t1v"))],
            ),
            aside("CANCEL", "Cancel", Task::Nothing, TO_LOGIN),
        ],
    ),
    form(
        "3rcqks6t1v",
        ("Password Reset Success", "Notify that the password was changed"),
        &[],
        &[primary("NEXT", "Continue", Task::Nothing, TO_END)],
    ),
    form(
        "7mtr7zq5h6",
        ("Account Locked Message", "Notify when account will unlock"),
        &[],
        &[aside("BACK", "Back", Task::Nothing, TO_LOGIN)],
    ),
];

static NODES: [(Role, Node); 14] = nodes([
    "cqm26fxq1v",
    "dnu7jt3sjz",
    "x0txd3bdfn",
    "leznhnimpg",
    "v9kq2r7d0s",
    "9hip372enu",
    "r3w8n5x1ht",
    "k6c0p4z9mb",
    "m1d7y2g5qe",
    "0mkskx7cez",
    "fbx7x6gnus",
    "7lrwfvealk",
    "xwkkxzwwhp",
    "0e4fujfonx",
]);
