//! Bodies of capability calls, in both dialects.

use super::form::{Action, Client, Event};
use super::poll::Polling;
use serde::Serialize;
use serde_json::{Map, Value};

/// What every body names.
pub(super) struct Place<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) event_name: &'a str,
    pub(super) interaction_id: Option<&'a str>,
    pub(super) client: Client,
}

impl Place<'_> {
    /// A body for SDKs. Mobile clients leave out the interaction, and the action where none was
    /// taken.
    pub(super) fn sdk(
        &self,
        event: Event,
        action_key: &str,
        form_data: Map<String, Value>,
    ) -> serde_json::Result<Vec<u8>> {
        let is_mobile = self.client == Client::Mobile;
        written(&Advance {
            id: self.id,
            event_name: self.event_name,
            interaction_id: self.interaction_id.filter(|_| !is_mobile),
            parameters: Parameters {
                event_type: event.as_str(),
                data: Data {
                    action_key: Some(action_key).filter(|key| !(is_mobile && key.is_empty())),
                    form_data,
                },
            },
        })
    }

    /// The body of a press on the hosted page: values directly in `parameters`, the button's event
    /// echoed. What was pressed cannot be overwritten by a field of that name.
    pub(super) fn screen(
        &self,
        action: &Action,
        next_event: &Value,
        mut parameters: Map<String, Value>,
    ) -> serde_json::Result<Vec<u8>> {
        let button_type = match action.event {
            Event::Submit | Event::Polling => "form-submit",
            Event::Action => "next-event",
        };
        parameters.insert("buttonType".to_owned(), button_type.into());
        parameters.insert("buttonValue".to_owned(), action.key.as_str().into());
        written(&Press { id: self.id, event_name: self.event_name, next_event, parameters })
    }

    /// The body of a poll on the hosted page (observed).
    pub(super) fn screen_poll(
        &self,
        polling: &Polling,
        status: &str,
    ) -> serde_json::Result<Vec<u8>> {
        written(&Poll {
            id: self.id,
            event_name: self.event_name,
            parameters: PollParameters { event_type: Event::Polling.as_str() },
            poll_props: PollProps {
                status,
                delay_in_ms: polling.interval.as_millis(),
                retries_allowed: polling.retries,
                poll_challenge_status: polling.challenge.is_some(),
            },
        })
    }
}

/// A body, with room for an ordinary one from the beginning.
fn written(body: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(512);
    serde_json::to_writer(&mut text, body)?;
    Ok(text)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Advance<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    event_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interaction_id: Option<&'a str>,
    parameters: Parameters<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    event_type: &'static str,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    action_key: Option<&'a str>,
    form_data: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Press<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    event_name: &'a str,
    next_event: &'a Value,
    parameters: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Poll<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    event_name: &'a str,
    parameters: PollParameters,
    poll_props: PollProps<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PollParameters {
    event_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PollProps<'a> {
    status: &'a str,
    delay_in_ms: u128,
    retries_allowed: u32,
    poll_challenge_status: bool,
}
