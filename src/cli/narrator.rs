//! Tells an iteration exchange by exchange. What is secret is struck out by its type, and out of whatever the
//! tenant may have repeated it in.

use super::terminal::{Style, Terminal};
use crate::base::secret::{STRUCK_OUT, Secret};
use crate::base::strike::Strikes;
use crate::davinci::form::Form;
use crate::davinci::walk::Walk;
use crate::journey::cast::Stage;
use crate::journey::outcome::Verdict;
use crate::journey::perform::{Answered, Sending, Wait, Witness};
use crate::journey::script::STARTS;
use crate::report::columns::clean;
use crate::transport::{Exchange, is_secret_cookie};
use bytes::Bytes;
use http::{Request, Response, Uri, header};
use std::time::Duration;

/// Prints what it sees.
pub(super) struct Narrator<'t> {
    terminal: &'t Terminal,
    count: usize,
    /// What was sent and may not be shown, wherever the tenant repeats it.
    sent: Strikes,
}

/// Parameters of a URL whose values anybody may see. All others show their name only.
const OPEN_PARAMETERS: &[&str] = &[
    "client_id",
    "response_type",
    "response_mode",
    "redirect_uri",
    "scope",
    "acr_values",
    "code_challenge_method",
];

impl<'t> Narrator<'t> {
    /// Tells what happens on a stage.
    pub(super) fn new(terminal: &'t Terminal, stage: &Stage) -> Self {
        Self { terminal, count: 0, sent: stage.strikes() }
    }

    fn line(&self, text: &str) {
        self.terminal.data(&self.sent.strike(text));
    }

    /// Remembers what a request says that may not be shown.
    fn note(&mut self, sending: &Sending<'_>) {
        self.sent.extend(sending.learnt.secrets());
        let headers = sending.request.headers().iter();
        let hidden = headers.filter(|(_, value)| value.is_sensitive()).flat_map(|(name, value)| {
            let text = value.to_str().unwrap_or_default();
            if *name == header::COOKIE {
                let pairs = text.split("; ").filter_map(|pair| pair.split_once('='));
                let secret = pairs.filter(|(name, _)| is_secret_cookie(name));
                secret.map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
            } else if !is_secret_cookie(name.as_str()) {
                // An id, which is told.
                Vec::new()
            } else {
                // What stands behind the name of a scheme, or all of it.
                text.rsplit(' ').take(1).map(str::to_owned).collect()
            }
        });
        hidden.for_each(|text| self.sent.add(&Secret::new(text)));
    }

    /// The same of a reply, and of what the iteration knows since.
    fn note_reply(&mut self, answered: &Answered<'_>) {
        self.sent.extend(answered.learnt.secrets());
        let Ok(reply) = &answered.exchange.reply else { return };
        for cookie in reply.headers().get_all(header::SET_COOKIE) {
            let text = String::from_utf8_lossy(cookie.as_bytes());
            let pair = text.split(';').next().and_then(|pair| pair.split_once('='));
            if let Some((_, value)) = pair.filter(|(name, _)| is_secret_cookie(name.trim())) {
                self.sent.add(&Secret::new(value.trim().to_owned()));
            }
        }
    }

    fn detail(&self, name: &str, text: &str) {
        let name = self.terminal.paint(Style::Faint, &format!("{name:<8}"));
        self.line(&format!("         {name} {}", clean(text)));
    }
}

impl Witness for Narrator<'_> {
    fn sending(&mut self, sending: &Sending<'_>) {
        self.count += 1;
        self.note(sending);
        let label = sending.label;
        let mut row = label.capability.to_string();
        if let Some(event) = label.event {
            row = format!("{row} {} {}", event.as_str(), label.action);
        }
        let row = if row == label.step.as_str() { String::new() } else { clean(&row) };
        let step = self.terminal.paint(Style::Strong, &clean(label.step.as_str()));
        self.line(&format!(
            " {:>3}  {step}  {}",
            self.count,
            self.terminal.paint(Style::Faint, &row)
        ));
        self.line(&format!("      →  {}", request_line(sending.request)));
        if label.event.is_some() {
            self.detail("chained", &chained(sending.walk, sending.request));
            let values = sending.filled.iter().map(|(filled, secret)| {
                let text = if *secret { STRUCK_OUT } else { &filled.text };
                format!("{}={text}", filled.key)
            });
            let values: Vec<_> = values.collect();
            if !values.is_empty() {
                self.detail("sends", &values.join("  "));
            }
        }
    }

    fn answered(&mut self, answered: &Answered<'_>) {
        self.note_reply(answered);
        let terminal = self.terminal;
        let timing = &answered.exchange.timing;
        let shown = |time: Option<Duration>| time.map_or_else(|| "–".to_owned(), milliseconds);
        let service = shown(timing.service);
        let version = answered.exchange.reply.as_ref().ok().map(Response::version);
        let connect = timing.connect.map(|connect| {
            let over = version.map_or_else(String::new, |version| format!(" ({version:?})"));
            format!(", connect {}{over}", milliseconds(connect.total()))
        });
        let times = format!("{service}{}", connect.unwrap_or_default());
        let verdict = match answered.verdict {
            Verdict::Advanced => String::new(),
            Verdict::RefusedAsExpected => terminal.paint(Style::Good, "refused, as expected"),
            Verdict::Fault(fault) => terminal.paint(Style::Bad, fault.slug()),
        };
        match &answered.exchange.reply {
            Ok(reply) => {
                let size = reply.body().len();
                self.line(&format!(
                    "      ←  {}  {times}  {size} B  {verdict}",
                    reply.status().as_u16()
                ));
            }
            Err(fault) => self.line(&format!("      ←  {verdict}  {}", clean(&fault.to_string()))),
        }
        if let Some(refusal) = answered.refusal {
            let targets: Vec<_> =
                refusal.targets.iter().map(|(field, code)| format!("{field}: {code}")).collect();
            let by = refusal.capability.as_deref().unwrap_or("the flow");
            self.detail("refused", &format!("by {by}  {}", targets.join(", ")));
        }
        let starts =
            STARTS.iter().any(|(_, start)| start.step() == answered.label.capability.as_str());
        let is_in_flow = answered.label.event.is_some() || starts;
        let is_form = matches!(answered.verdict, Verdict::Advanced) && is_in_flow;
        if let (true, Some(form), false) = (is_form, answered.walk.form(), answered.completed) {
            self.form(form, answered.walk);
        } else if answered.completed {
            self.detail("success", "the flow handed out a code or tokens: ***");
        }
    }

    fn preflighted(&mut self, preflight: &Request<Bytes>, exchange: &Exchange) {
        let came = match &exchange.reply {
            Ok(reply) => reply.status().as_u16().to_string(),
            Err(fault) => clean(&fault.to_string()),
        };
        self.detail("asks", &format!("{}  ←  {came}", request_line(preflight)));
    }

    fn waited(&mut self, wait: Wait, time: Duration) {
        let what = match wait {
            Wait::Code => "waited for the code in the mail",
            Wait::Poll => "waited to ask again",
            Wait::Think => "thought",
        };
        self.line(&format!(
            "         {}",
            self.terminal.paint(Style::Faint, &format!("{what}: {}", milliseconds(time)))
        ));
    }
}

impl Narrator<'_> {
    fn form(&self, form: &Form, walk: &Walk) {
        let name = form.name.as_deref().unwrap_or("without a name");
        self.detail("form", &format!("{name} (node {})", form.node.as_deref().unwrap_or("–")));
        let fields: Vec<_> = form.fields.iter().map(|field| field.key.as_str()).collect();
        let actions: Vec<_> = form
            .actions
            .iter()
            .map(|action| format!("{} ({})", action.key, action.event.as_str()))
            .collect();
        let fields = if fields.is_empty() { "–".to_owned() } else { fields.join(", ") };
        self.detail("offers", &format!("{fields} · {}", actions.join(", ")));
        if let Some(href) = walk.next_href() {
            self.detail("next", href.path());
        }
    }
}

fn request_line(request: &Request<Bytes>) -> String {
    format!("{} {}", request.method(), shown_uri(request.uri()))
}

fn shown_uri(uri: &Uri) -> String {
    let origin = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
        _ => String::new(),
    };
    let Some(query) = uri.query() else { return format!("{origin}{}", uri.path()) };
    let pairs = url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| {
        let open = OPEN_PARAMETERS.contains(&name.as_ref());
        match value.find(['?', '#']) {
            // An address may have a key behind it.
            Some(at) if open => format!("{name}={}{STRUCK_OUT}", &value[..=at]),
            None if open => format!("{name}={value}"),
            _ => format!("{name}={STRUCK_OUT}"),
        }
    });
    format!("{origin}{}?{}", uri.path(), pairs.collect::<Vec<_>>().join("&"))
}

/// The values that came with the last reply and go back with this request.
fn chained(walk: &Walk, request: &Request<Bytes>) -> String {
    let node = walk.form().and_then(|form| form.node.as_deref()).unwrap_or("–");
    let event = walk.event_name().unwrap_or("–");
    let interaction = walk.interaction_id().unwrap_or("–");
    let token =
        if request.headers().contains_key("interactiontoken") { STRUCK_OUT } else { "in cookies" };
    format!("id {node}  eventName {event}  interactionId {interaction}  interactionToken {token}")
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_parameters_of_a_url_are_shown() {
        let uri =
            "https://a.example/as/signoff?id_token_hint=eyJhbGciOi&client_id=app".parse().unwrap();
        assert_eq!(shown_uri(&uri), "https://a.example/as/signoff?id_token_hint=***&client_id=app");
        let uri = "https://a.example/as/authorize?redirect_uri=https%3A%2F%2Fb.example%2Fback%3Fk%3Dhidden";
        assert_eq!(
            shown_uri(&uri.parse().unwrap()),
            "https://a.example/as/authorize?redirect_uri=https://b.example/back?***"
        );
    }
}
