//! Which flow policy a call belongs to, told before any handler ran: what rows of delays and faults
//! select by.

use super::call::{Call, Pairs};
use super::place::{Area, Place};
use super::tenant::Tenant;
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Id of the policy that the flow of a call was started with. None where nobody can tell: management,
/// keys, tokens of nobody. Nobody asks either where no row of the settings is about a policy.
pub(super) fn policy_of(tenant: &Tenant, place: Place, call: &Call) -> Option<String> {
    let of_delays = tenant.settings.delays.iter().any(|rule| rule.policy.is_some());
    if !of_delays && !tenant.faults.are_of_policies() {
        return None;
    }
    let now = tenant.clock.now();
    if place.is_answer() || place.path.ends_with("/status") {
        let of =
            |interaction: &mut super::interaction::Interaction| interaction.request.policy.clone();
        return tenant.interactions.with(call.interaction_id()?, now, of);
    }
    let of_grant = |grant: &mut super::grant::Grant| grant.request.policy.clone();
    let of_code = |code: &str| tenant.grants.with(code, now, of_grant);
    let of_refresh = |token: &str| tenant.refreshes.with(token, now, of_grant);
    match (place.area, place.path) {
        (Area::Auth | Area::Company, path) if path.ends_with("/start") => {
            Some(tenant.assigned(call.segment("policy"))?.id.clone())
        }
        (Area::Auth, "/as/authorize") => of_request(tenant, &asked(call)),
        (Area::Auth, "/as/par") => of_request(tenant, &call.form()),
        (Area::Auth, "/as/resume") => of_code(call.form().get("dvResponse")?),
        (Area::Auth, "/as/token") => {
            let form = call.form();
            form.get("code").and_then(of_code).or_else(|| of_refresh(form.get("refresh_token")?))
        }
        (Area::Auth, "/as/userinfo") => of_token(call.bearer()?),
        (Area::Auth, "/as/signoff") => of_token(call.query().get("id_token_hint")?),
        (Area::Auth, "/as/introspect" | "/as/revoke") => {
            let form = call.form();
            let token = form.get("token")?;
            of_refresh(token).or_else(|| of_token(token))
        }
        _ => None,
    }
}

/// The parameters of an authorize request, by GET with a query or by POST with a form.
fn asked(call: &Call) -> Pairs {
    let is_form = call.method == Method::POST && !call.body.is_empty();
    if is_form { call.form() } else { call.query() }
}

/// The policy that an authorize request asks for, here or where it was pushed.
fn of_request(tenant: &Tenant, parameters: &Pairs) -> Option<String> {
    let wanted = |parameters: &Pairs| parameters.get("acr_values").unwrap_or_default().to_owned();
    let wanted = match parameters.get("request_uri") {
        Some(uri) => tenant.pushed.with(uri, tenant.clock.now(), |pushed| wanted(pushed))?,
        None => wanted(parameters),
    };
    Some(tenant.assigned(&wanted)?.id.clone())
}

/// The policy that a token names. Whether the token is good is for its handler to say.
fn of_token(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["acr"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_policy_and_anything_else_names_none() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"acr":"0123","sub":"x"}"#);
        assert_eq!(of_token(&format!("e30.{claims}.c2ln")), Some("0123".to_owned()));
        for token in ["", "x", "a.b.c", "e30.e30.e30", "..", "e30.W10.e30"] {
            assert_eq!(of_token(token), None, "{token}");
        }
    }
}
