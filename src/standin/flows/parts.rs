//! What flows are put together from: short constructors, and the connectors of the tenant.

use crate::standin::flow::{
    Button, ButtonKind, Field, Form, Lead, Leads, Node, Outcome, Polling, Role, Style, Task,
};

/// Pages of HTML with `form` fields, as the documented flow has them.
pub(super) static HTML: Style = Style {
    connection: "867ed4363b2bc21c860085ad2baa817d",
    capability: "customHTMLTemplate",
    category: "CUSTOM_HTML",
    more: "",
    names_event: true,
};

/// Pages made with the forms editor (observed in client fixtures).
pub(super) static FORMS: Style = Style {
    connection: "2a5c8b1f94e7d3063c1b7a90f4d2e658",
    capability: "customForm",
    category: "CUSTOM_FORM",
    more: r#""connectorId":"pingOneFormsConnector","enableRisk":false,"showContinueButton":false,"themeId":"activeTheme","region":"NA""#,
    names_event: false,
};

/// A form of the HTML connector.
pub(super) const fn form(
    id: &'static str,
    (name, description): (&'static str, &'static str),
    fields: &'static [Field],
    buttons: &'static [Button],
) -> Form {
    Form { id, style: &HTML, name, description, fields, buttons, polling: None }
}

/// The same of another connector.
pub(super) const fn styled(style: &'static Style, form: Form) -> Form {
    let Form { id, name, description, fields, buttons, polling, .. } = form;
    Form { id, style, name, description, fields, buttons, polling }
}

/// The same, waiting by itself.
pub(super) const fn waiting(polling: &'static Polling, form: Form) -> Form {
    let Form { id, style, name, description, fields, buttons, .. } = form;
    Form { id, style, name, description, fields, buttons, polling: Some(polling) }
}

/// A field for text.
pub(super) const fn text(key: &'static str, label: &'static str) -> Field {
    field(("TEXT", key, label), "", r#""""#)
}

/// A field for a password.
pub(super) const fn password(key: &'static str, label: &'static str) -> Field {
    field(("PASSWORD", key, label), "", r#""""#)
}

/// Any field: kind, key and label, further members, the value before anything is typed.
pub(super) const fn field(
    (kind, key, label): (&'static str, &'static str, &'static str),
    more: &'static str,
    initial: &'static str,
) -> Field {
    Field { kind, key, label, more, initial }
}

/// A button that submits.
pub(super) const fn primary(
    key: &'static str,
    label: &'static str,
    task: Task,
    leads: Leads,
) -> Button {
    Button { kind: ButtonKind::Primary, key, label, task, leads }
}

/// A button that leads aside.
pub(super) const fn aside(
    key: &'static str,
    label: &'static str,
    task: Task,
    leads: Leads,
) -> Button {
    Button { kind: ButtonKind::Aside, key, label, task, leads }
}

/// A link that leads aside.
pub(super) const fn link(
    key: &'static str,
    label: &'static str,
    task: Task,
    leads: Leads,
) -> Button {
    Button { kind: ButtonKind::Link, key, label, task, leads }
}

/// The leads of a task that only ever leads to one form.
pub(super) const fn to(id: &'static str) -> [(Outcome, Lead); 1] {
    [(Outcome::Done, Lead::Form(id))]
}

/// The leads of a task that ends the flow.
pub(super) const TO_END: Leads = &[(Outcome::Done, Lead::Success)];

/// A connector and the connection of it that the flows use.
type Connector = (&'static str, &'static str);

const DIRECTORY: Connector = ("pingOneSSOConnector", "94141bf2f1b9b59a5f5365ff135e02bb");
const ERROR: Connector = ("errorConnector", "53ab83a4a4ab919d9f2cb02d9e111ac8");
const SUCCESS: Connector = ("pingOneAuthenticationConnector", "cf474221121ff65b6ada03d50fd03034");
const PLAIN: Connector = ("httpConnector", "867ed4363b2bc21c860085ad2baa817d");

const fn node(id: &'static str, connector: Connector, capability: &'static str) -> Node {
    Node { id, connection: connector.1, connector: connector.0, capability }
}

/// The unseen nodes of a flow under these ids, in the order of [`Role`].
pub(super) const fn nodes(ids: [&'static str; 14]) -> [(Role, Node); 14] {
    [
        (Role::LookUp, node(ids[0], DIRECTORY, "userLookup")),
        (Role::CheckPassword, node(ids[1], DIRECTORY, "checkPassword")),
        (Role::CreateUser, node(ids[2], DIRECTORY, "createUser")),
        (Role::RefuseRegistration, node(ids[3], DIRECTORY, "createUser")),
        (Role::Verify, node(ids[4], ERROR, "customErrorMessage")),
        (Role::LookUpLost, node(ids[5], DIRECTORY, "userLookup")),
        (Role::Recover, node(ids[6], DIRECTORY, "recoverPassword")),
        (Role::ChangePassword, node(ids[7], DIRECTORY, "resetPassword")),
        (Role::Mismatch, node(ids[8], ERROR, "customErrorMessage")),
        (Role::Unexpected, node(ids[9], ERROR, "customErrorMessage")),
        (Role::Success, node(ids[10], SUCCESS, "returnSuccessResponseRedirect")),
        (Role::WidgetSuccess, node(ids[11], SUCCESS, "returnSuccessResponseWidget")),
        (Role::ApiSuccess, node(ids[12], PLAIN, "createSuccessResponse")),
        (Role::ApiError, node(ids[13], PLAIN, "createErrorResponse")),
    ]
}
