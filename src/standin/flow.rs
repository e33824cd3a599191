//! Flows as data: the forms, what their buttons do, where each outcome leads.

/// One flow version.
#[derive(Debug)]
pub struct Flow {
    /// Name by which settings choose it.
    pub name: &'static str,
    /// Flow id, 32 hexadecimal digits.
    pub id: &'static str,
    /// What is done when the flow starts, and where that leads.
    pub opening: (Task, Leads),
    /// Whether it begins with a session check, and ends at once for a caller who has a session.
    pub checks_session: bool,
    /// What a start by policy must bring along.
    pub input: &'static [Property],
    /// Keys of this flow where they differ: the name a task uses, and the key in the form.
    pub keys: &'static [(&'static str, &'static str)],
    /// All forms.
    pub forms: &'static [Form],
    /// The nodes that work unseen, by what they do.
    pub nodes: &'static [(Role, Node)],
}

/// A property of an input schema.
#[derive(Debug)]
pub struct Property {
    /// Name.
    pub name: &'static str,
    /// Type of its value.
    pub kind: PropertyKind,
    /// Whether it must be there.
    pub required: bool,
    /// Members of an object, with the same rules.
    pub members: &'static [Self],
}

/// The documented types of an input property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PropertyKind {
    /// `string`.
    Text,
    /// `boolean`.
    Flag,
    /// `integer` or `number`.
    Number,
    /// `array`.
    List,
    /// `object`.
    Object,
}

/// A node that shows a form and waits.
#[derive(Debug)]
pub struct Form {
    /// Node id.
    pub id: &'static str,
    /// What the node is made of.
    pub style: &'static Style,
    /// Name shown.
    pub name: &'static str,
    /// Description shown.
    pub description: &'static str,
    /// Fields that are no buttons.
    pub fields: &'static [Field],
    /// Buttons.
    pub buttons: &'static [Button],
    /// How the form waits by itself, if it does.
    pub polling: Option<&'static Polling>,
}

/// What a form node is made of: its connector and what follows from that.
#[derive(Debug, Eq, PartialEq)]
pub struct Style {
    /// Connection of the node.
    pub connection: &'static str,
    /// Capability of the node.
    pub capability: &'static str,
    /// `category` of its forms.
    pub category: &'static str,
    /// Members beside the form that this connector adds, as JSON without braces.
    pub more: &'static str,
    /// Whether every reply names the `eventName`; without it clients mean `continue` (observed).
    pub names_event: bool,
}

/// A field that is no button. Texts in it may hold the blanks of [`super::page`].
#[derive(Debug)]
pub struct Field {
    /// `TEXT`, `PASSWORD`, `LABEL` …
    pub kind: &'static str,
    /// Key in `formData`; empty for fields that have none.
    pub key: &'static str,
    /// Label shown; empty for none.
    pub label: &'static str,
    /// Further members, as JSON without braces.
    pub more: &'static str,
    /// Value in `formData.value` before anything is typed, as JSON; empty for fields without value.
    pub initial: &'static str,
}

/// A button: what it does and where that leads.
#[derive(Debug)]
pub struct Button {
    /// How it is drawn.
    pub kind: ButtonKind,
    /// Value of `actionKey`.
    pub key: &'static str,
    /// Label shown.
    pub label: &'static str,
    /// What is done.
    pub task: Task,
    /// Where each outcome of the task leads.
    pub leads: Leads,
}

/// How a button is drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ButtonKind {
    /// `SUBMIT_BUTTON`.
    Primary,
    /// `FLOW_BUTTON`, or what the settings say.
    Aside,
    /// `FLOW_LINK`.
    Link,
    /// `SOCIAL_LOGIN_BUTTON`.
    Social,
    /// Not drawn, but taken as an action.
    Hidden,
}

/// How a form waits by itself.
#[derive(Debug)]
pub struct Polling {
    /// Key of the polling field.
    pub key: &'static str,
    /// Whether the client asks for the state of a challenge, rather than to go on.
    pub challenge: bool,
    /// Where each value of the field leads.
    pub leads: &'static [(&'static str, Lead)],
}

/// Where each outcome leads.
pub type Leads = &'static [(Outcome, Lead)];

/// What the nodes behind a button do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Task {
    /// Nothing; the button only leads on.
    Nothing,
    /// Looks the user up and checks the password.
    CheckPassword,
    /// Makes a user and sends a verification code.
    CreateUser,
    /// Makes a user, verified, from the input that the flow was started with.
    CreateFromInput,
    /// Sends another verification code.
    ResendVerification,
    /// Checks the verification code.
    Verify,
    /// Takes an address that nobody has and sends a code to it; there is no user yet.
    Claim,
    /// Sends another code to the claimed address.
    ResendClaim,
    /// Checks the code sent to the claimed address.
    ProveClaim,
    /// Makes a user, verified, of the claimed address.
    CreateClaimed,
    /// Looks the user up and sends a recovery code; nobody learns whether the user exists.
    SendRecovery,
    /// Sends another recovery code.
    ResendRecovery,
    /// Checks the recovery code and sets the new password.
    Recover,
    /// Checks the current password and sets the new one.
    ChangePassword,
    /// Keeps what was sent, to be shown and read, and signs the demonstration user on.
    Echo,
    /// Checks the password in the input; without input the demonstration user signs on.
    CheckInput,
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
    /// Ends the flow well for an authorize request.
    Success,
    /// Ends the flow well for a start by policy.
    WidgetSuccess,
    /// Ends the flow well for a start with the application's key.
    ApiSuccess,
    /// Ends it badly there.
    ApiError,
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

    /// The form that the opening leads to when all is well; none for a flow without forms.
    pub fn first(&self) -> Option<&'static Form> {
        match lead_of(self.opening.1, Outcome::Done)? {
            Lead::Form(id) => self.form(id),
            Lead::Success => None,
        }
    }

    /// The node of a role.
    pub fn node(&self, role: Role) -> Option<&'static Node> {
        self.nodes.iter().find(|(r, _)| *r == role).map(|(_, node)| node)
    }

    /// The key in this flow's forms for the name that a task uses.
    pub fn key(&self, name: &'static str) -> &'static str {
        self.keys.iter().find(|(known, _)| *known == name).map_or(name, |(_, key)| key)
    }
}

/// Where an outcome leads, if it leads anywhere.
pub fn lead_of(leads: Leads, outcome: Outcome) -> Option<Lead> {
    leads.iter().find(|(from, _)| *from == outcome).map(|(_, lead)| *lead)
}

impl Form {
    /// The button of a key; without a key the first primary one, as a client without a choice means.
    pub fn button(&self, key: &str) -> Option<&'static Button> {
        let mut buttons = self.buttons.iter();
        if key.is_empty() {
            buttons.find(|button| button.kind == ButtonKind::Primary)
        } else {
            buttons.find(|button| button.key == key)
        }
    }

    /// Path of the capability call that answers this form, below the tenant's prefix.
    pub fn path(&self) -> String {
        let Style { connection, capability, .. } = self.style;
        format!("/davinci/connections/{connection}/capabilities/{capability}")
    }
}
