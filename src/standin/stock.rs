//! The stock flow: sign-on with registration, password change and recovery.
//!
//! Ids, names, keys and labels of the nodes that the documentation prints are those (documented);
//! the rest is invented in their manner. The id `leznhnimpg` is printed after a refused
//! registration without saying what the node is: here it refuses duplicates and empty addresses.

use super::flow::{Button, Flow, Form, Input, Lead, Node, Outcome, Role, Task};

/// All flows that settings can name.
pub const FLOWS: &[&Flow] = &[&STOCK];

/// Sign-on with registration, password change and recovery.
pub static STOCK: Flow = Flow {
    name: "stock",
    id: "1041e8016fd7c57f6551739cb6e10c99",
    first: "65u7m8cm28",
    forms: FORMS,
    nodes: NODES,
};

const HTML: (&str, &str) = ("867ed4363b2bc21c860085ad2baa817d", "customHTMLTemplate");

const fn form(
    id: &'static str,
    (name, description): (&'static str, &'static str),
    inputs: &'static [Input],
    buttons: &'static [Button],
) -> Form {
    Form { id, connection: HTML.0, capability: HTML.1, name, description, inputs, buttons }
}

const fn text(key: &'static str, label: &'static str) -> Input {
    Input { kind: "TEXT", key, label }
}

const fn password(key: &'static str, label: &'static str) -> Input {
    Input { kind: "PASSWORD", key, label }
}

type Leads = &'static [(Outcome, Lead)];

const fn primary(key: &'static str, label: &'static str, task: Task, leads: Leads) -> Button {
    Button { primary: true, key, label, task, leads }
}

const fn aside(key: &'static str, label: &'static str, task: Task, leads: Leads) -> Button {
    Button { primary: false, key, label, task, leads }
}

const TO_LOGIN: Leads = &[(Outcome::Done, Lead::Form("65u7m8cm28"))];
const TO_END: Leads = &[(Outcome::Done, Lead::Success)];
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

const fn node(id: &'static str, connector: Connector, capability: &'static str) -> Node {
    Node { id, connection: connector.1, connector: connector.0, capability }
}

/// A connector and the connection of it that this flow uses.
type Connector = (&'static str, &'static str);

const DIRECTORY: Connector = ("pingOneSSOConnector", "94141bf2f1b9b59a5f5365ff135e02bb");
const ERROR: Connector = ("errorConnector", "53ab83a4a4ab919d9f2cb02d9e111ac8");
const SUCCESS: Connector = ("pingOneAuthenticationConnector", "cf474221121ff65b6ada03d50fd03034");

static NODES: &[(Role, Node)] = &[
    (Role::LookUp, node("cqm26fxq1v", DIRECTORY, "userLookup")),
    (Role::CheckPassword, node("dnu7jt3sjz", DIRECTORY, "checkPassword")),
    (Role::CreateUser, node("x0txd3bdfn", DIRECTORY, "createUser")),
    (Role::RefuseRegistration, node("leznhnimpg", DIRECTORY, "createUser")),
    (Role::Verify, node("v9kq2r7d0s", ERROR, "customErrorMessage")),
    (Role::LookUpLost, node("9hip372enu", DIRECTORY, "userLookup")),
    (Role::Recover, node("r3w8n5x1ht", DIRECTORY, "recoverPassword")),
    (Role::ChangePassword, node("k6c0p4z9mb", DIRECTORY, "resetPassword")),
    (Role::Mismatch, node("m1d7y2g5qe", ERROR, "customErrorMessage")),
    (Role::Unexpected, node("0mkskx7cez", ERROR, "customErrorMessage")),
    (Role::Success, node("fbx7x6gnus", SUCCESS, "returnSuccessResponseRedirect")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_lead_leads_somewhere_and_every_task_has_somewhere_to_go() {
        for flow in FLOWS {
            assert!(flow.form(flow.first).is_some());
            for form in flow.forms {
                assert!(!form.buttons.is_empty(), "{} is a dead end", form.id);
                for button in form.buttons {
                    let done = button.leads.iter().any(|(outcome, _)| *outcome == Outcome::Done);
                    assert!(done, "{} {} has no way on", form.id, button.key);
                    for (_, lead) in button.leads {
                        if let Lead::Form(id) = lead {
                            assert!(flow.form(id).is_some(), "{id} is no form");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_form_can_be_reached_and_every_id_is_used_once() {
        for flow in FLOWS {
            let leads = flow.forms.iter().flat_map(|form| form.buttons).flat_map(|b| b.leads);
            let reached: BTreeSet<&str> = leads
                .filter_map(|(_, lead)| match lead {
                    Lead::Form(id) => Some(*id),
                    Lead::Success => None,
                })
                .collect();
            let ids: Vec<&str> = flow
                .forms
                .iter()
                .map(|form| form.id)
                .chain(flow.nodes.iter().map(|(_, node)| node.id))
                .collect();
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
            for form in flow.forms {
                assert!(reached.contains(form.id), "{} is out of reach", form.id);
            }
        }
    }
}
