//! The DaVinci runtime protocol as a pure state machine: replies in, next request out. No socket,
//! no clock.
//!
//! A flow run is a conversation. The client asks `GET …/as/authorize` with
//! `response_mode=pi.flow`; the tenant answers with a form, a link where to send the answer, and
//! four values that the answer must carry:
//!
//! ```text
//! → GET  /{env}/as/authorize?response_mode=pi.flow&client_id=…&code_challenge=…&acr_values={policy}
//! ← 200  { "id": "a1", "interactionId": "i", "interactionToken": "t", "eventName": "continue",
//!          "_links": { "next": { "href": "H" } }, "form": { "components": { "fields": […] } } }
//! → POST H   interactionId: i   interactionToken: t
//!        { "id": "a1", "eventName": "continue", "interactionId": "i", "parameters": {
//!          "eventType": "submit", "data": { "actionKey": "SIGNON", "formData": { … } } } }
//! ← 400  { "connectorId": "pingOneSSOConnector", "capabilityName": "checkPassword", … }
//!        an error: H, a1, i and t all stay valid, the same form may be answered again
//! ← 200  { "session": { … }, "authorizeResponse": { "code": "…" } }
//!        the end: the code is exchanged for tokens
//! ```
//!
//! A tenant that is not asked for the dialect of SDKs answers as it answers its hosted page: no link,
//! but the ids to make it from, and the form as HTML with a list of its fields. So does a flow that is
//! started by its policy, with a bearer token and an input:
//!
//! ```text
//! → POST /{env}/davinci/policy/{policy}/start   Authorization: Bearer …   { "email": … }
//! ← 200  { "id": "a1", "connectionId": "c", "capabilityName": "x", "screen": { "properties": {
//!          "customHTML": …, "formFieldsList": …, "button": { "onClick": E } } } }
//! → POST /{env}/davinci/connections/c/capabilities/x   interactionId: i   interactionToken: t
//!        { "id": "a1", "eventName": "continue", "nextEvent": E, "parameters": {
//!          "buttonType": "form-submit", "buttonValue": "SIGNON", "username": … } }
//! ← 200  { "access_token": …, "id_token": … }
//! ```
//!
//! A form may want to be polled instead of answered: the client then says `continue` again and again,
//! or what became of a challenge whose status it asks for elsewhere ([`walk::Walk::poll`]).
//!
//! [`walk::Walk`] holds what is chained from reply to request, [`node`] says what a reply is,
//! [`form`] what it offers and how an answer is encoded, [`oidc`] everything around the flow.

mod advance;
mod field;
pub mod form;
mod markup;
pub mod node;
pub mod oidc;
mod phone;
mod poll;
#[cfg(test)]
mod properties;
mod screen;
mod start;
pub mod walk;
mod wire;
