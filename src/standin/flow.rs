//! Flows as data: the forms, what their buttons do, where each outcome leads.

use super::settings::SecondaryButtons;
use serde_json::{Map, Value, json};

/// One flow version.
#[derive(Debug)]
pub struct Flow {
    /// Name by which settings choose it.
    pub name: &'static str,
    /// Flow id, 32 hexadecimal digits.
    pub id: &'static str,
    /// Form shown first.
    pub first: &'static str,
    /// All forms.
    pub forms: &'static [Form],
    /// The nodes that work unseen, by what they do.
    pub nodes: &'static [(Role, Node)],
}

/// A node that shows a form and waits.
#[derive(Debug)]
pub struct Form {
    /// Node id.
    pub id: &'static str,
    /// Connection of the node.
    pub connection: &'static str,
    /// Capability of the node.
    pub capability: &'static str,
    /// Name shown.
    pub name: &'static str,
    /// Description shown.
    pub description: &'static str,
    /// Fields that take a value.
    pub inputs: &'static [Input],
    /// Buttons.
    pub buttons: &'static [Button],
}

/// A field that takes a value.
#[derive(Debug)]
pub struct Input {
    /// `TEXT` or `PASSWORD`.
    pub kind: &'static str,
    /// Key in `formData`.
    pub key: &'static str,
    /// Label shown.
    pub label: &'static str,
}

/// A button: what it does and where that leads.
#[derive(Debug)]
pub struct Button {
    /// Primary buttons are `SUBMIT_BUTTON`, the others what the settings say.
    pub primary: bool,
    /// Value of `actionKey`.
    pub key: &'static str,
    /// Label shown.
    pub label: &'static str,
    /// What is done.
    pub task: Task,
    /// Where each outcome of the task leads.
    pub leads: &'static [(Outcome, Lead)],
}

/// What the nodes behind a button do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Task {
    /// Nothing; the button only leads on.
    Nothing,
    /// Looks the user up and checks the password.
    CheckPassword,
    /// Makes a user and sends a verification code.
    CreateUser,
    /// Sends another verification code.
    ResendVerification,
    /// Checks the verification code.
    Verify,
    /// Looks the user up and sends a recovery code; nobody learns whether the user exists.
    SendRecovery,
    /// Sends another recovery code.
    ResendRecovery,
    /// Checks the recovery code and sets the new password.
    Recover,
    /// Checks the current password and sets the new one.
    ChangePassword,
}

/// How a task ended, if it was not refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// As wished.
    Done,
    /// The password has to be changed first.
    MustChange,
    /// The account is locked.
    Locked,
    /// The address is not verified yet.
    Unverified,
}

/// Where an outcome leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lead {
    /// To the form of this id.
    Form(&'static str),
    /// To the end of the flow.
    Success,
}

/// What an unseen node does in the flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// Looks up who signs on.
    LookUp,
    /// Checks the password.
    CheckPassword,
    /// Creates the user.
    CreateUser,
    /// Refuses a registration before or instead of the creation.
    RefuseRegistration,
    /// Checks the verification code.
    Verify,
    /// Looks up whose password is recovered.
    LookUpLost,
    /// Recovers the password.
    Recover,
    /// Changes the password.
    ChangePassword,
    /// Complains about two passwords that differ.
    Mismatch,
    /// Complains about an action the form does not have.
    Unexpected,
    /// Ends the flow well.
    Success,
}

/// An unseen node.
#[derive(Debug)]
pub struct Node {
    /// Node id.
    pub id: &'static str,
    /// Connection of the node.
    pub connection: &'static str,
    /// Connector of the connection.
    pub connector: &'static str,
    /// Capability of the node.
    pub capability: &'static str,
}

impl Flow {
    /// The form of an id.
    pub fn form(&self, id: &str) -> Option<&'static Form> {
        self.forms.iter().find(|form| form.id == id)
    }

    /// The node of a role.
    pub fn node(&self, role: Role) -> Option<&'static Node> {
        self.nodes.iter().find(|(r, _)| *r == role).map(|(_, node)| node)
    }
}

impl Form {
    /// The button of a key; without a key the first primary one, as a client without a choice means.
    pub fn button(&self, key: &str) -> Option<&'static Button> {
        let mut buttons = self.buttons.iter();
        if key.is_empty() {
            buttons.find(|button| button.primary)
        } else {
            buttons.find(|button| button.key == key)
        }
    }

    /// Path of the capability call that answers this form, below the tenant's prefix.
    pub fn path(&self) -> String {
        format!("/davinci/connections/{}/capabilities/{}", self.connection, self.capability)
    }

    /// The part of a continue reply that is the same in every interaction, as members of an object
    /// without its braces. `prefix` is the tenant's absolute prefix.
    pub fn members(
        &self,
        flow: &Flow,
        (prefix, company): (&str, &str),
        secondary: SecondaryButtons,
    ) -> String {
        let inputs = self
            .inputs
            .iter()
            .map(|input| json!({ "type": input.kind, "key": input.key, "label": input.label }));
        let buttons = self.buttons.iter().map(|button| {
            let submits = button.primary || secondary == SecondaryButtons::Submit;
            let kind = if submits { "SUBMIT_BUTTON" } else { "FLOW_BUTTON" };
            json!({ "type": kind, "label": button.label, "key": button.key })
        });
        let fields: Vec<Value> = inputs.chain(buttons).collect();
        let empty = |input: &Input| (input.key.to_owned(), Value::from(""));
        let values: Map<String, Value> = self.inputs.iter().map(empty).collect();
        let object = json!({
            "_links": { "next": { "href": format!("{prefix}{}", self.path()) } },
            "eventName": "continue",
            "isResponseCompatibleWithMobileAndWebSdks": true,
            "id": self.id,
            "companyId": company,
            "flowId": flow.id,
            "connectionId": self.connection,
            "capabilityName": self.capability,
            "formData": { "value": values },
            "form": {
                "name": self.name,
                "description": self.description,
                "category": "CUSTOM_HTML",
                "components": { "fields": fields },
            },
        });
        let text = object.to_string();
        text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&text).to_owned()
    }
}
