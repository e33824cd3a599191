//! The documented start with an input schema: the input makes the account, the page signs on.

use super::parts::{TO_END, aside, form, nodes, password, primary, text, to};
use crate::standin::flow::{Flow, Form, Lead, Node, Outcome, Property, PropertyKind, Role, Task};

/// Id, first page and schema as documented; what follows the first page is invented.
pub(super) static START_WITH_INPUT: Flow = Flow {
    name: "start-with-input",
    id: "3e0603680cbde668577a5eacc6c22987",
    opening: (Task::CreateFromInput, &to("howu8n9hsc")),
    checks_session: false,
    input: INPUT,
    keys: &[("givenName", "name.given"), ("familyName", "name.family")],
    forms: FORMS,
    nodes: &NODES,
};

const fn needed(name: &'static str, kind: PropertyKind) -> Property {
    Property { name, kind, required: true, members: &[] }
}

static INPUT: &[Property] = &[
    needed("email", PropertyKind::Text),
    needed("username", PropertyKind::Text),
    needed("password", PropertyKind::Text),
    Property { name: "primaryPhone", kind: PropertyKind::Text, required: false, members: &[] },
    Property {
        name: "name",
        kind: PropertyKind::Object,
        required: false,
        members: &[
            Property { name: "given", kind: PropertyKind::Text, required: false, members: &[] },
            Property { name: "family", kind: PropertyKind::Text, required: false, members: &[] },
        ],
    },
];

static FORMS: &[Form] = &[
    form(
        "howu8n9hsc",
        ("Username/Password Form", "Enter credentials"),
        &[text("username", "Username"), password("password", "Password")],
        &[
            primary(
                "submit",
                "Sign On",
                Task::CheckPassword,
                &[(Outcome::Done, Lead::Success), (Outcome::MustChange, Lead::Form("dkkhujgfe2"))],
            ),
            primary("forgotPassword", "Forgot Password", Task::Nothing, &to("kt52pe4is5")),
        ],
    ),
    form(
        "kt52pe4is5",
        ("Forgot Password Form", "Collect username for password recovery"),
        &[text("username", "Username")],
        &[
            primary("submit", "Continue", Task::SendRecovery, &to("y8ppjcj8po")),
            aside("cancel", "Cancel", Task::Nothing, &to("howu8n9hsc")),
        ],
    ),
    form(
        "y8ppjcj8po",
        ("New Password Form", "Collect recovery code and new password"),
        &[
            text("recoveryCode", "Recovery Code"),
            password("newPassword", "New Password"),
            password("verifyNewPassword", "Verify New Password"),
        ],
        &[
            primary("submit", "Update Password", Task::Recover, TO_END),
            aside("resend", "Resend Recovery Code", Task::ResendRecovery, &to("y8ppjcj8po")),
            aside("cancel", "Cancel", Task::Nothing, &to("howu8n9hsc")),
        ],
    ),
    form(
        "dkkhujgfe2",
        ("Change Password Form", "Collect current and new password"),
        &[
            password("currentPassword", "Current Password"),
            password("newPassword", "New Password"),
            password("verifyNewPassword", "Verify New Password"),
        ],
        &[
            primary("submit", "Update Password", Task::ChangePassword, TO_END),
            aside("cancel", "Cancel", Task::Nothing, &to("howu8n9hsc")),
        ],
    ),
];

static NODES: [(Role, Node); 14] = nodes([
    "08scblyz91",
    "iyjnqfjt26",
    "8a90oecjh2",
    "7fkw2zcu5k",
    "lo4by0fiph",
    "yca7y520ra",
    "rf88yspzr2",
    "pfr6njgo37",
    "jggu8oxxdp",
    "s11mf0gqfq",
    "kusinmy2e3",
    "ij2o5gticn",
    "0di32kzwd4",
    "unhtb9m61r",
]);
