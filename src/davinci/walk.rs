//! One flow run from the client's side: replies in, next request out.

pub use super::poll::{ChallengeState, Round, Rounds, read_challenge};

use super::advance::Place;
use super::form::{AnswerError, Client, Dialect, Event, Filled, Form, Polling};
use super::node::{Completion, Continue, Ending, Kind, Node, Refusal, clip};
use super::oidc::{Application, BadValue, Proof};
use super::poll::LONGEST_PATIENCE;
use crate::base::secret::Secret;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the tenant wants next.
#[derive(Debug)]
pub enum Turn {
    /// Answer the form at hand ([`Walk::form`]). `refusal` is set when the previous answer was
    /// turned down; the form, its link and its token are then unchanged.
    Answer {
        /// Why the previous answer was turned down.
        refusal: Option<Refusal>,
    },
    /// Nothing changed; ask again after a pause.
    Stay,
    /// The flow reached its end.
    Complete(Completion),
    /// The walk is over without success.
    End(Ending),
}

/// State carried between calls, chained from each reply into the next request.
#[derive(Clone, Debug)]
struct Chain {
    href: Uri,
    id: Option<String>,
    event_name: String,
    interaction_id: Option<String>,
    interaction_token: Option<Secret>,
    form: Form,
    own: Option<Uri>,
    next_event: Value,
}

/// Which flow answered a start: compared between runs, because another version of a flow is another
/// thing to measure.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint {
    /// `flowId` of the first form.
    pub flow: String,
    /// Node of the first form.
    pub first_node: String,
}

/// As `run.json` has it: flow id and first node.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.flow, self.first_node)
    }
}

/// A conversation with one flow.
#[derive(Debug)]
pub struct Walk {
    application: Arc<Application>,
    proof: Proof,
    chain: Option<Chain>,
    fingerprint: Option<Fingerprint>,
    /// Whether the start carried a state, which a code must then come back with.
    has_state: bool,
    /// How long it may still pause between polls.
    patience: Duration,
}

/// Why a form could not be turned into a request.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// There is no form to answer.
    #[error("no form has been received yet")]
    NoForm,
    /// The form at hand does not want to be polled.
    #[error("the form has nothing to poll")]
    NoPolling,
    /// The form cannot be answered as asked.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// A value of the tenant cannot be part of a request.
    #[error(transparent)]
    BadValue(#[from] BadValue),
}

impl Walk {
    /// Starts a conversation: the authorize request of a flow policy (`acr_values`), or of the
    /// application's own first policy. `random` feeds PKCE, state and nonce.
    pub fn authorize(
        application: Arc<Application>,
        policy: Option<&str>,
        random: &[u8; 64],
    ) -> Result<(Self, Request<Bytes>), BadValue> {
        let proof = Proof::new(random);
        let request = application.authorize(policy, &proof)?;
        Ok((Self::new(application, proof, true), request))
    }

    /// Starts a conversation by a flow policy, with a bearer token and the flow's input. `random`
    /// feeds the proof of a code exchange, should the flow end in a code.
    pub fn start(
        application: Arc<Application>,
        policy: &str,
        bearer: &Secret,
        input: &Map<String, Value>,
        random: &[u8; 64],
    ) -> Result<(Self, Request<Bytes>), BadValue> {
        let proof = Proof::new(random);
        let request = application.start(policy, bearer, input)?;
        Ok((Self::new(application, proof, false), request))
    }

    const fn new(application: Arc<Application>, proof: Proof, has_state: bool) -> Self {
        let patience = LONGEST_PATIENCE;
        Self { application, proof, chain: None, fingerprint: None, has_state, patience }
    }

    /// Takes one reply and says what it asks for.
    ///
    /// A form replaces everything that is chained. A refusal replaces nothing, so that the same
    /// form can be answered again; the same holds for a rewind.
    pub fn receive(&mut self, reply: &Response<Bytes>) -> Turn {
        match Node::read(reply, &self.application.endpoints) {
            Node::Form(next) => {
                self.advance(*next);
                Turn::Answer { refusal: None }
            }
            Node::Refusal(refusal) if self.chain.is_some() => {
                Turn::Answer { refusal: Some(refusal) }
            }
            Node::Refusal(refusal) => Turn::End(Ending {
                capability: refusal.capability,
                code: refusal.code,
                ..Ending::bare(Kind::Refusal, refusal.status)
            }),
            Node::Stay if self.chain.is_some() => Turn::Stay,
            Node::Stay => Turn::End(Ending::bare(Kind::NoNextStep, reply.status().as_u16())),
            Node::Success(completion) => self.complete(completion, reply.status().as_u16()),
            Node::End(ending) => Turn::End(ending),
        }
    }

    /// The form at hand.
    pub fn form(&self) -> Option<&Form> {
        self.chain.as_ref().map(|chain| &chain.form)
    }

    /// The interaction, once known.
    pub fn interaction_id(&self) -> Option<&str> {
        self.chain.as_ref()?.interaction_id.as_deref()
    }

    /// Where the next answer goes.
    pub fn next_href(&self) -> Option<&Uri> {
        self.chain.as_ref().map(|chain| &chain.href)
    }

    /// The event name that the next answer echoes.
    pub fn event_name(&self) -> Option<&str> {
        self.chain.as_ref().map(|chain| chain.event_name.as_str())
    }

    /// Which flow answered the start.
    pub const fn fingerprint(&self) -> Option<&Fingerprint> {
        self.fingerprint.as_ref()
    }

    /// Has the flow go by another name: by one without what must not be shown.
    pub fn call_it(&mut self, fingerprint: Fingerprint) {
        self.fingerprint = Some(fingerprint);
    }

    /// What proves who walks, to be shown to nobody: the proof of the code exchange, and the interaction's
    /// token as far as bodies carry it.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        let token = self.chain.as_ref().and_then(|chain| chain.interaction_token.as_ref());
        token.into_iter().chain([self.proof.verifier()])
    }

    /// The application that the walk belongs to.
    pub fn application(&self) -> &Application {
        &self.application
    }

    /// Answers the form at hand by one of its actions. The event type comes from the type of that
    /// button on this form.
    pub fn answer(&self, action_key: &str, filled: &[Filled]) -> Result<Request<Bytes>, WalkError> {
        let chain = self.chain.as_ref().ok_or(WalkError::NoForm)?;
        let form = &chain.form;
        let action = form.action(action_key).ok_or_else(|| AnswerError::NotOffered {
            wanted: action_key.to_owned(),
            offered: form.actions.iter().map(|action| action.key.clone()).collect(),
        })?;
        let place = self.place(chain);
        let body = match form.dialect {
            Dialect::Sdk => {
                let data = form.data(filled, self.application.client, action.event)?;
                place.sdk(form.event_of(action), action_key, data)
            }
            // A press that submits no form takes no values along (assumed).
            Dialect::Screen if action.event == Event::Action => {
                place.screen(action, &chain.next_event, Map::new())
            }
            Dialect::Screen => {
                let data = form.data(filled, self.application.client, action.event)?;
                place.screen(action, &chain.next_event, data)
            }
        };
        self.post(chain, body)
    }

    /// How the form at hand wants to be polled, if it does.
    pub fn polling(&self) -> Option<&Polling> {
        self.form()?.polling.as_ref()
    }

    /// What comes next in polling, and how long to pause before it; none once everything was said.
    /// All forms of a walk share one patience of ten minutes.
    pub fn next_round(&mut self, rounds: &mut Rounds) -> Option<(Duration, Round)> {
        rounds.next(&mut self.patience)
    }

    /// Says to the form at hand how its poll stands: `continue` and `timedOut` without a challenge,
    /// else what the challenge came to.
    pub fn poll(&self, value: &str) -> Result<Request<Bytes>, WalkError> {
        let chain = self.chain.as_ref().ok_or(WalkError::NoForm)?;
        let form = &chain.form;
        let polling = form.polling.as_ref().ok_or(WalkError::NoPolling)?;
        let place = self.place(chain);
        let body = match form.dialect {
            Dialect::Sdk => {
                let filled = Filled { key: polling.key.clone(), text: value.to_owned() };
                let data = form.data(&[filled], self.application.client, Event::Polling)?;
                // The genuine client names the first button, where there is one.
                let mut buttons = form.actions.iter();
                let button = buttons.find(|action| action.event == Event::Submit);
                place.sdk(Event::Polling, button.map_or("", |action| &action.key), data)
            }
            Dialect::Screen => place.screen_poll(polling, value),
        };
        self.post(chain, body)
    }

    /// Asks for the status of the challenge; none where the form at hand has no challenge. Only the
    /// interaction's id goes along, as from the genuine JavaScript client.
    pub fn challenge_status(&self) -> Option<Result<Request<Bytes>, WalkError>> {
        let chain = self.chain.as_ref()?;
        let challenge = chain.form.polling.as_ref()?.challenge.as_deref()?;
        let url = self.application.endpoints.challenge_status(chain.own.as_ref(), challenge);
        let url = url.ok_or_else(|| BadValue { what: "the challenge".to_owned() });
        Some(url.and_then(|url| self.status_request(chain, &url)).map_err(Into::into))
    }

    fn status_request(&self, chain: &Chain, url: &str) -> Result<Request<Bytes>, BadValue> {
        let body = Bytes::from_static(b"{}");
        let mut request = self.application.request(Method::POST, url, body)?;
        self.application.imitate(&mut request, chain.form.dialect);
        set_json(&mut request);
        set_header(&mut request, INTERACTION_ID, chain.interaction_id.as_deref())?;
        Ok(request)
    }

    /// The code exchange that follows a completion.
    pub fn token(&self, completion: &Completion) -> Option<Result<Request<Bytes>, BadValue>> {
        completion.code.as_ref().map(|code| self.application.token(code, &self.proof))
    }

    fn advance(&mut self, next: Continue) {
        if self.fingerprint.is_none() {
            self.fingerprint = Some(Fingerprint {
                flow: next.flow_id.unwrap_or_default(),
                first_node: clip(next.id.as_deref().unwrap_or_default()).to_owned(),
            });
        }
        // Some tenants prove ownership by cookie and leave the pair out of later bodies; what was
        // said last still holds then.
        let before = self.chain.take();
        let (kept_id, kept_token) =
            before.map_or((None, None), |chain| (chain.interaction_id, chain.interaction_token));
        self.chain = Some(Chain {
            href: next.href,
            id: next.id,
            event_name: next.event_name,
            interaction_id: next.interaction_id.or(kept_id),
            interaction_token: next.interaction_token.or(kept_token),
            form: next.form,
            own: next.own,
            next_event: next.next_event,
        });
    }

    /// A genuine client does not exchange a code that came with somebody else's state. One without
    /// any is taken, as mobile clients do.
    fn complete(&self, completion: Completion, status: u16) -> Turn {
        match &completion.state {
            Some(state) if self.has_state && *state != self.proof.state => Turn::End(Ending {
                capability: Some("state mismatch".to_owned()),
                ..Ending::bare(Kind::Malformed, status)
            }),
            _ => Turn::Complete(completion),
        }
    }

    fn place<'c>(&self, chain: &'c Chain) -> Place<'c> {
        Place {
            id: chain.id.as_deref(),
            event_name: &chain.event_name,
            interaction_id: chain.interaction_id.as_deref(),
            client: self.application.client,
        }
    }

    fn post(
        &self,
        chain: &Chain,
        body: serde_json::Result<Vec<u8>>,
    ) -> Result<Request<Bytes>, WalkError> {
        let body = body.map_err(|_| BadValue { what: "form data".to_owned() })?;
        let mut request =
            self.application.request_to(Method::POST, chain.href.clone(), body.into());
        self.application.imitate(&mut request, chain.form.dialect);
        set_json(&mut request);
        if self.application.client == Client::JavaScript {
            set_header(&mut request, INTERACTION_ID, chain.interaction_id.as_deref())?;
            let token = chain.interaction_token.as_ref().map(|token| token.expose().as_str());
            set_header(&mut request, INTERACTION_TOKEN, token)?;
        }
        Ok(request)
    }
}

const INTERACTION_ID: HeaderName = HeaderName::from_static("interactionid");
const INTERACTION_TOKEN: HeaderName = HeaderName::from_static("interactiontoken");

fn set_json(request: &mut Request<Bytes>) {
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
}

fn set_header(
    request: &mut Request<Bytes>,
    name: HeaderName,
    value: Option<&str>,
) -> Result<(), BadValue> {
    let Some(value) = value else { return Ok(()) };
    let value = HeaderValue::from_str(value);
    let mut value = value.map_err(|_| BadValue { what: name.as_str().to_owned() })?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::davinci::form::FieldKind;
    use crate::davinci::oidc::Endpoints;
    use serde_json::json;

    fn application(client: Client) -> Arc<Application> {
        Arc::new(Application {
            endpoints: Endpoints::new("https://auth.example.com", Some("env")),
            client_id: "app".into(),
            client_secret: None,
            redirect_uri: "https://app.example.com/callback".into(),
            scopes: vec!["openid".into()],
            client,
            authorize_parameters: Vec::new(),
            headers: Vec::new(),
            start_dialect: Dialect::Screen,
        })
    }

    fn started(client: Client) -> Walk {
        Walk::authorize(application(client), None, &[7; 64]).unwrap().0
    }

    fn reply(status: u16, body: Value) -> Response<Bytes> {
        Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
    }

    fn page(number: u32) -> Value {
        json!({
            "id": format!("node{number}"), "interactionId": format!("i{number}"),
            "interactionToken": format!("t{number}"), "flowId": "flow", "capabilityName": "customHTMLTemplate",
            "_links": { "next": { "href": format!("https://auth.example.com/next/{number}") } },
            "form": { "name": "F", "components": { "fields": [
                { "type": "TEXT", "key": "username" },
                { "type": "SUBMIT_BUTTON", "key": "SIGNON" }, { "type": "FLOW_BUTTON", "key": "REGISTER" } ] } }
        })
    }

    fn sent(walk: &Walk, action: &str) -> (String, Option<String>, Option<String>, Value) {
        let filled = [Filled { key: "username".into(), text: "u".into() }];
        let request = walk.answer(action, &filled).unwrap();
        let header = |name: &str| {
            request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        (
            request.uri().to_string(),
            header("interactionid"),
            header("interactiontoken"),
            serde_json::from_slice(request.body()).unwrap(),
        )
    }

    #[test]
    fn a_form_replaces_everything_that_is_chained() {
        let mut walk = started(Client::JavaScript);
        for number in [1, 2] {
            assert!(matches!(
                walk.receive(&reply(200, page(number))),
                Turn::Answer { refusal: None }
            ));
            let (href, id, token, body) = sent(&walk, "SIGNON");
            assert_eq!(href, format!("https://auth.example.com/next/{number}"));
            assert_eq!((id, token), (Some(format!("i{number}")), Some(format!("t{number}"))));
            assert_eq!(
                body,
                json!({ "id": format!("node{number}"), "eventName": "continue",
                    "interactionId": format!("i{number}"),
                    "parameters": { "eventType": "submit",
                        "data": { "actionKey": "SIGNON", "formData": { "username": "u" } } } })
            );
        }
        assert_eq!(walk.fingerprint().unwrap().first_node, "node1");
    }

    #[test]
    fn a_refusal_and_a_rewind_leave_everything_as_it_was() {
        let mut walk = started(Client::JavaScript);
        walk.receive(&reply(200, page(1)));
        let before = sent(&walk, "SIGNON");
        let refused = json!({ "id": "other", "connectorId": "pingOneSSOConnector",
            "capabilityName": "checkPassword", "interactionToken": "never used" });
        let Turn::Answer { refusal: Some(refusal) } = walk.receive(&reply(400, refused)) else {
            panic!("not refused")
        };
        assert_eq!(refusal.capability.as_deref(), Some("checkPassword"));
        assert_eq!(sent(&walk, "SIGNON"), before);
        let rewind = json!({ "id": "x", "eventName": "rewindStateToLastRenderedUI", "interactionToken": "y" });
        assert!(matches!(walk.receive(&reply(200, rewind)), Turn::Stay));
        assert_eq!(sent(&walk, "SIGNON"), before);
    }

    #[test]
    fn the_event_type_comes_from_the_button_on_the_form_at_hand() {
        let mut walk = started(Client::JavaScript);
        walk.receive(&reply(200, page(1)));
        assert_eq!(sent(&walk, "REGISTER").3["parameters"]["eventType"], "action");
        let mut all_submit = page(2);
        all_submit["form"]["components"]["fields"][2]["type"] = "SUBMIT_BUTTON".into();
        walk.receive(&reply(200, all_submit));
        assert_eq!(sent(&walk, "REGISTER").3["parameters"]["eventType"], "submit");
    }

    #[test]
    fn a_mobile_client_leaves_ownership_to_the_cookies() {
        let mut walk = started(Client::Mobile);
        walk.receive(&reply(200, page(1)));
        let (_, id, token, body) = sent(&walk, "REGISTER");
        assert_eq!((id, token), (None, None));
        assert_eq!(body.get("interactionId"), None);
        assert_eq!(body["parameters"]["data"]["formData"], json!({}));
    }

    /// Found by the fuzzer.
    #[test]
    fn an_interaction_that_no_header_can_hold_is_an_error() {
        let mut walk = started(Client::JavaScript);
        let mut body = page(1);
        body["interactionId"] = "03\u{7f}".into();
        walk.receive(&reply(200, body));
        assert!(matches!(walk.answer("SIGNON", &[]), Err(WalkError::BadValue(_))));
    }

    #[test]
    fn a_token_that_later_bodies_leave_out_still_holds() {
        let mut walk = started(Client::JavaScript);
        walk.receive(&reply(200, page(1)));
        let mut bare = page(2);
        bare.as_object_mut().unwrap().remove("interactionToken");
        walk.receive(&reply(200, bare));
        assert_eq!(sent(&walk, "SIGNON").2.as_deref(), Some("t1"));
    }

    #[test]
    fn a_code_with_a_foreign_state_is_not_exchanged() {
        let walk = &mut started(Client::JavaScript);
        let end = |state: &str| json!({ "session": {}, "authorizeResponse": { "code": "c", "state": state } });
        assert!(matches!(walk.receive(&reply(200, end("foreign"))), Turn::End(_)));
        let own = walk.proof.state.clone();
        let Turn::Complete(completion) = walk.receive(&reply(200, end(&own))) else {
            panic!("not complete")
        };
        assert!(walk.token(&completion).unwrap().is_ok());
    }

    #[test]
    fn a_form_without_a_button_is_submitted_without_a_key() {
        let mut walk = started(Client::JavaScript);
        let mut bare = page(1);
        bare["form"]["components"]["fields"] = json!([{ "type": "TEXT", "key": "username" }]);
        walk.receive(&reply(200, bare));
        assert_eq!(walk.form().unwrap().only_submit().unwrap().key, "");
        let data = sent(&walk, "").3["parameters"].clone();
        assert_eq!(data["eventType"], "submit");
        assert_eq!(data["data"]["actionKey"], "");
    }

    #[test]
    fn meta_data_is_handed_back_with_an_action_under_its_own_key() {
        for client in [Client::JavaScript, Client::Mobile] {
            let mut walk = started(client);
            let mut bare = page(1);
            bare["form"]["components"]["fields"] =
                json!([{ "type": "METADATA", "key": "work", "payload": {} }]);
            walk.receive(&reply(200, bare));
            let done = [Filled { key: "work".into(), text: r#"{"done":true}"#.into() }];
            let request = walk.answer("work", &done).unwrap();
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(
                body["parameters"],
                json!({ "eventType": "action",
                    "data": { "actionKey": "work", "formData": { "work": { "done": true } } } })
            );
        }
    }

    fn polled(challenge: bool) -> Value {
        let mut page = page(1);
        page["_links"]["self"] =
            json!({ "href": "https://eu.example.com/e1/davinci/connections/c/capabilities/x" });
        let mut field = json!({ "type": "POLLING", "key": "pollingField", "pollInterval": 500, "pollRetries": 3 });
        if challenge {
            field["pollChallengeStatus"] = true.into();
            field["challenge"] = "c-123".into();
        }
        page["form"]["components"]["fields"] = json!([field]);
        page
    }

    #[test]
    fn a_poll_says_how_it_stands_and_a_rewind_lets_it_be_said_again() {
        let mut walk = started(Client::JavaScript);
        walk.receive(&reply(200, page(1)));
        assert!(matches!(walk.poll("continue"), Err(WalkError::NoPolling)));
        walk.receive(&reply(200, polled(false)));
        assert_eq!(walk.polling().unwrap().retries, 3);
        assert!(walk.challenge_status().is_none());
        for value in ["continue", "timedOut"] {
            let request = walk.poll(value).unwrap();
            assert_eq!(request.uri(), "https://auth.example.com/next/1");
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            assert_eq!(
                body["parameters"],
                json!({ "eventType": "polling",
                    "data": { "actionKey": "", "formData": { "pollingField": value } } })
            );
            let rewind = json!({ "id": "x", "eventName": "rewindStateToSpecificRenderedUI" });
            assert!(matches!(walk.receive(&reply(200, rewind)), Turn::Stay));
        }
    }

    #[test]
    fn the_status_of_a_challenge_is_asked_for_where_the_genuine_client_asks() {
        let mut walk = started(Client::JavaScript);
        walk.receive(&reply(200, polled(true)));
        let request = walk.challenge_status().unwrap().unwrap();
        assert_eq!(
            request.uri(),
            "https://eu.example.com/e1/davinci/user/credentials/challenge/c-123/status"
        );
        assert_eq!(request.body(), "{}");
        assert_eq!(request.headers()["interactionid"], "i1");
        assert_eq!(request.headers().get("interactiontoken"), None);

        let mut custom = (*application(Client::Mobile)).clone();
        custom.endpoints = Endpoints::new("https://login.example.org", None);
        let mut walk = Walk::authorize(Arc::new(custom), None, &[7; 64]).unwrap().0;
        walk.receive(&reply(200, polled(true)));
        let request = walk.challenge_status().unwrap().unwrap();
        assert_eq!(
            request.uri(),
            "https://login.example.org/davinci/user/credentials/challenge/c-123/status"
        );
    }

    fn screen(properties: Value) -> Value {
        json!({ "id": "n", "flowId": "f", "connectionId": "c 1", "capabilityName": "customHTMLTemplate",
            "interactionId": "i", "screen": { "properties": properties } })
    }

    #[test]
    fn a_screen_is_answered_below_the_endpoints_with_what_its_button_says() {
        let mut walk = started(Client::JavaScript);
        let event = json!({ "constructType": "skEvent", "eventName": "again", "params": [1] });
        let shown = screen(json!({
            "customHTML": { "value": r#"<input type=password name=pin>
                <button data-skbuttontype="form-submit" data-skbuttonvalue="GO">
                <a data-skbuttontype="next-event" data-skbuttonvalue="BACK">"# },
            "formFieldsList": { "value": [ { "propertyName": "name" }, { "propertyName": "pin" },
                { "propertyName": "agree", "preferredDataType": "boolean" }, { "propertyName": "buttonValue" } ] },
            "button": { "onClick": event }, "nodeTitle": { "value": "Title" },
        }));
        assert!(matches!(walk.receive(&reply(200, shown)), Turn::Answer { refusal: None }));
        let form = walk.form().unwrap();
        assert_eq!((form.name.as_deref(), form.dialect), (Some("Title"), Dialect::Screen));
        let kinds: Vec<_> = form.fields.iter().map(|field| field.kind.clone()).collect();
        assert_eq!(kinds, [FieldKind::Text, FieldKind::Password, FieldKind::Check]);
        let filled = [Filled { key: "name".into(), text: "n".into() }];
        let request = walk.answer("GO", &filled).unwrap();
        assert_eq!(
            request.uri(),
            "https://auth.example.com/env/davinci/connections/c%201/capabilities/customHTMLTemplate"
        );
        let body: Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(
            body,
            json!({ "id": "n", "eventName": "continue", "nextEvent": event, "parameters": {
                "buttonType": "form-submit", "buttonValue": "GO", "name": "n", "pin": "", "agree": false } })
        );
        let body: Value =
            serde_json::from_slice(walk.answer("BACK", &filled).unwrap().body()).unwrap();
        assert_eq!(
            body["parameters"],
            json!({ "buttonType": "next-event", "buttonValue": "BACK" })
        );
    }

    #[test]
    fn a_screen_is_polled_with_what_it_says_about_polling() {
        let mut walk = started(Client::JavaScript);
        let shown =
            screen(json!({ "enablePolling": { "value": true }, "pollInterval": { "value": 10 },
            "pollRetries": { "value": "1" }, "pollChallengeStatus": { "value": false } }));
        walk.receive(&reply(200, shown));
        let body: Value = serde_json::from_slice(walk.poll("continue").unwrap().body()).unwrap();
        assert_eq!(
            body,
            json!({ "id": "n", "eventName": "continue", "parameters": { "eventType": "polling" },
                "pollProps": { "status": "continue", "delayInMs": 10, "retriesAllowed": 1,
                    "pollChallengeStatus": false } })
        );
        walk.receive(&reply(200, screen(json!({ "challenge": { "value": "c-9" } }))));
        assert_eq!(walk.polling().unwrap().challenge.as_deref(), Some("c-9"));
        let request = walk.challenge_status().unwrap().unwrap();
        assert_eq!(
            request.uri(),
            "https://auth.example.com/env/davinci/user/credentials/challenge/c-9/status"
        );
    }

    #[test]
    fn a_screen_whose_ids_lead_elsewhere_is_no_next_step() {
        let long = "c".repeat(257);
        for (connection, capability) in
            [("..", "x"), ("c", "."), ("", "x"), ("c", ""), (long.as_str(), "x")]
        {
            let mut shown = screen(json!({}));
            shown["connectionId"] = connection.into();
            shown["capabilityName"] = capability.into();
            let mut walk = started(Client::JavaScript);
            let Turn::End(ending) = walk.receive(&reply(200, shown)) else {
                panic!("{connection} was followed")
            };
            assert_eq!(ending.kind, Kind::NoNextStep);
        }
        let mut walk = started(Client::JavaScript);
        let mut shown = screen(json!({}));
        shown["connectionId"] = "../../evil?x#y".into();
        walk.receive(&reply(200, shown));
        assert_eq!(
            walk.next_href().unwrap().path(),
            "/env/davinci/connections/..%2F..%2Fevil%3Fx%23y/capabilities/customHTMLTemplate"
        );
    }

    #[test]
    fn a_flow_started_by_policy_ends_with_tokens_in_the_body() {
        let bearer = Secret::new("t".to_owned());
        let started =
            Walk::start(application(Client::JavaScript), "p", &bearer, &Map::new(), &[7; 64]);
        let mut walk = started.unwrap().0;
        let end = json!({ "capabilityName": "returnSuccessResponseWidget", "success": true,
            "access_token": "a", "id_token": "i", "state": "whatever" });
        let Turn::Complete(completion) = walk.receive(&reply(200, end)) else {
            panic!("not complete")
        };
        let tokens = completion.tokens.as_ref().unwrap();
        assert_eq!(tokens.access_token.expose(), "a");
        assert!(walk.token(&completion).is_none());
        assert!(!format!("{completion:?}").contains("\"a\""));
    }

    #[test]
    fn a_rewind_before_any_form_is_no_next_step() {
        let rewind = json!({ "eventName": "rewindStateToLastRenderedUI" });
        let Turn::End(ending) = started(Client::JavaScript).receive(&reply(200, rewind)) else {
            panic!("waits for nothing")
        };
        assert_eq!(ending.kind, Kind::NoNextStep);
    }

    #[test]
    fn an_action_that_is_not_there_is_named_with_what_is() {
        let mut walk = started(Client::JavaScript);
        walk.receive(&reply(200, page(1)));
        let error = walk.answer("CONTINUE", &[]).unwrap_err();
        assert_eq!(error.to_string(), "the form offers `SIGNON`, `REGISTER`, not `CONTINUE`");
    }
}
