//! What the coverage flow received, kept so that tests can read how a client wrote each field.

use super::answer::Answer;
use super::call::Call;
use super::reply::{Key, Reply};
use super::tenant::Tenant;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Bytes of answers kept, as JSON; beyond it the oldest goes.
const KEPT: usize = 8 << 20;

/// The last answers received, as text: parsed ones take many times their size.
#[derive(Debug, Default)]
pub struct Echoes(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    answers: VecDeque<String>,
    bytes: usize,
}

impl Echoes {
    /// Keeps one more.
    pub fn keep(&self, echo: &Value) {
        let text = echo.to_string();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += text.len();
        kept.answers.push_back(text);
        while kept.bytes > KEPT
            && let Some(oldest) = kept.answers.pop_front()
        {
            kept.bytes -= oldest.len();
        }
    }

    /// Those of an interaction, or all, oldest first.
    pub fn of(&self, interaction: Option<&str>) -> Vec<Value> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = kept.answers.iter().filter_map(|text| serde_json::from_str(text).ok());
        let meant = |echo: &Value| interaction.is_none_or(|id| echo["interactionId"] == id);
        answers.filter(meant).collect()
    }
}

/// What was sent, and with what around it.
pub fn echo(interaction: &str, call: &Call, answer: &Answer) -> Value {
    let mut echo = answer.as_json();
    echo["interactionId"] = json!(interaction);
    echo["headers"] = HEADERS
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), Value::from(call.header(name)?))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    echo["cookies"] = COOKIES.iter().filter(|name| call.cookie(name).is_some()).copied().collect();
    echo["hasInteractionIdHeader"] = json!(call.header("interactionId").is_some());
    echo["hasInteractionTokenHeader"] = json!(call.header("interactionToken").is_some());
    echo
}

/// Headers that tell clients' habits apart.
const HEADERS: &[&str] =
    &["content-type", "accept", "accept-language", "x-requested-with", "x-requested-platform"];

/// Cookies that clients send back.
const COOKIES: &[&str] =
    &["interactionId", "interactionToken", "skProxyApiEnvironmentId", "ST", "ST-NO-SS"];

/// The answers that the coverage flow received; `?interaction=` asks for those of one run.
pub fn coverage(tenant: &Tenant, call: &Call) -> Reply {
    let query = call.query();
    let answers = tenant.echoes.of(query.get("interaction"));
    Reply::ok(&json!({ "answers": answers })).of(Key::outside("stand-in"))
}
