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
mod screen;
mod start;
pub mod walk;
mod wire;
