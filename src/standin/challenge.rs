//! Challenges: what a waiting page waits for, and the route that tells their state.

use super::call::Call;
use super::interaction::Interaction;
use super::reply::{Key, Reply};
use super::tenant::{Tenant, uuid};
use axum::http::StatusCode;
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;

/// A challenge that somebody has to approve; here it approves itself after some questions.
#[derive(Debug)]
pub struct Challenge {
    /// Whose it is.
    interaction: Arc<str>,
    /// When the interaction began.
    started: Instant,
    /// How often its state was asked for.
    asked: u32,
}

/// Poses a new challenge to an interaction.
pub fn pose(tenant: &Tenant, interaction: &mut Interaction) {
    let id = uuid(&mut tenant.draw("challenge"));
    let challenge =
        Challenge { interaction: interaction.id.clone(), started: interaction.started, asked: 0 };
    tenant.challenges.insert(&id, challenge, tenant.clock.now());
    interaction.challenge = id;
}

/// Whether the interaction's challenge was approved.
pub fn is_approved(tenant: &Tenant, interaction: &Interaction) -> bool {
    let approved_at = tenant.settings.polling.approved_at;
    let asked = |challenge: &mut Challenge| challenge.asked;
    let asked = tenant.challenges.with(&interaction.challenge, tenant.clock.now(), asked);
    asked.is_some_and(|asked| asked >= approved_at)
}

/// Tells the state of a challenge. The interaction is proved by its id alone, since that is all the
/// genuine client sends (observed).
pub fn status(tenant: &Tenant, call: &Call) -> Reply {
    let now = tenant.clock.now();
    let asker = call.header("interactionId").or_else(|| call.cookie("interactionId"));
    let asked = tenant.challenges.with(call.segment("challenge"), now, |challenge| {
        if asker != Some(&*challenge.interaction) {
            return None;
        }
        let age = now.duration_since(challenge.started);
        if age >= tenant.settings.limits.interaction_timeout {
            return Some(None);
        }
        challenge.asked = challenge.asked.saturating_add(1);
        Some(Some(challenge.asked))
    });
    let reply = match asked.flatten() {
        // The two refusals are observed in client fixtures; which case sends which is assumed.
        None => refused("4019", "Challenge not found"),
        Some(None) => refused("challengeExpired", "The challenge has expired"),
        Some(Some(asked)) if asked >= tenant.settings.polling.approved_at => {
            Reply::ok(&json!({ "isChallengeComplete": true, "status": "approved" }))
        }
        Some(Some(_)) => Reply::ok(&json!({ "isChallengeComplete": false })),
    };
    reply.of(Key::outside("challenge-status"))
}

fn refused(what: &str, message: &str) -> Reply {
    let mut body = json!({
        "message": message, "errorMessage": message, "success": false, "httpResponseCode": 400,
        "logLevel": "error", "serviceName": null, "cause": null,
    });
    match what.parse::<u32>() {
        Ok(code) => body["code"] = json!(code),
        Err(_) => body["serviceName"] = json!(what),
    }
    Reply::json(StatusCode::BAD_REQUEST, &body)
}
