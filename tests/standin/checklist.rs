//! The checklist that genuine clients hold a tenant to: each assertion, and the tests that make it.

use crate::support::*;
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// Number and matter of each assertion, and the tests that hold the stand-in to it.
const CHECKLIST: &[(u32, &str, &[&str])] = &[
    (1, "discovery is absolute", &["discovery_lists_absolute_addresses"]),
    (2, "discovery lists every endpoint", &["discovery_lists_absolute_addresses"]),
    (
        3,
        "every reply can be read by the asking origin",
        &[
            "every_reply_to_another_origin_lets_that_origin_read_it",
            "every_endpoint_is_open_to_other_origins",
            "injected_errors_can_be_read_by_the_page_that_asked",
        ],
    ),
    (4, "preflights allow what clients send", &["a_preflight_allows_what_clients_send"]),
    (
        5,
        "authorize by GET and by POST",
        &["authorize_takes_a_form_as_well_and_ignores_what_it_does_not_know"],
    ),
    (6, "the first form in the SDK dialect", &["the_first_form_has_what_clients_read"]),
    (
        7,
        "the screen dialect without the header",
        &[
            "without_the_sdk_header_authorize_answers_with_a_screen",
            "a_flow_can_be_walked_in_screens",
        ],
    ),
    (8, "acr_values choose the policy", &["the_policy_asked_for_is_served_and_else_the_first"]),
    (
        9,
        "cookies of the interaction",
        &[
            "the_first_form_has_what_clients_read",
            "ownership_is_proved_by_headers_or_by_cookies",
            "over_tls_links_are_https_and_cookies_are_fit_for_other_sites",
        ],
    ),
    (10, "cookies alone are enough", &["ownership_is_proved_by_headers_or_by_cookies"]),
    (11, "what every continue body has", &["the_first_form_of_every_flow_has_what_clients_need"]),
    (
        12,
        "what no continue body has",
        &[
            "the_first_form_of_every_flow_has_what_clients_need",
            "forms_have_dotted_keys_from_registration_to_recovery",
        ],
    ),
    (13, "a status is a text", &["the_documented_sign_on_walks"]),
    (14, "success has session, code and state", &["registration_goes_from_form_to_tokens"]),
    (15, "a session needs no form", &["a_live_session_needs_no_form_until_it_is_signed_off"]),
    (16, "links bear extra parameters", &["bodies_may_leave_out_what_clients_leave_out"]),
    (
        17,
        "bodies may leave out or add",
        &["bodies_may_leave_out_what_clients_leave_out", "buttons_that_lead_aside_ignore_the_form"],
    ),
    (18, "any Accept-Language", &["any_accept_language_is_taken"]),
    (
        19,
        "a refusal can be corrected in place",
        &[
            "wrong_credentials_leave_form_link_id_and_token_good",
            "a_bad_registration_is_refused_and_can_be_corrected",
        ],
    ),
    (20, "refusals have code and no links", &["refusals_carry_the_common_members_and_no_links"]),
    (21, "field problems have their place", &["field_problems_are_where_clients_look_for_them"]),
    (22, "401 with 1999", &["wrong_foreign_and_spent_proofs_are_unauthorized"]),
    (23, "time-out of an interaction", &["an_old_interaction_has_timed_out"]),
    (24, "every body is a JSON object", &["every_endpoint_is_open_to_other_origins"]),
    (
        25,
        "error is an object or absent",
        &[
            "the_first_form_of_every_flow_has_what_clients_need",
            "the_twenty_first_run_of_a_node_ends_the_flow",
        ],
    ),
    (26, "success is exactly 200", &["registration_goes_from_form_to_tokens"]),
    (
        27,
        "a wrong client is redirected",
        &["a_wrong_client_or_redirect_uri_is_redirected_to_another_origin"],
    ),
    (28, "buttons of the login form", &["buttons_that_lead_aside_ignore_the_form"]),
    (
        29,
        "registration",
        &[
            "registration_goes_from_form_to_tokens",
            "only_the_last_code_sent_verifies",
            "a_bad_registration_is_refused_and_can_be_corrected",
        ],
    ),
    (
        30,
        "recovery",
        &[
            "a_lost_password_is_recovered_by_mail",
            "nobody_learns_from_the_recovery_who_exists",
            "a_former_password_does_not_come_back",
        ],
    ),
    (31, "expired password", &["a_password_that_must_change_is_changed_at_sign_on"]),
    (32, "lock-out", &["an_account_locks_and_is_unlocked_by_time_or_by_management"]),
    (33, "21 runs of a node", &["the_twenty_first_run_of_a_node_ends_the_flow"]),
    (
        34,
        "the token endpoint",
        &["a_code_is_good_once_and_only_with_all_it_was_given_for", "a_code_grows_old"],
    ),
    (35, "the id token", &["the_id_token_says_who_signed_on_where_and_by_which_policy"]),
    (36, "userinfo", &["an_access_token_opens_userinfo_until_it_is_revoked_or_too_old"]),
    (
        37,
        "sign-off and revocation",
        &[
            "sign_off_finds_the_session_by_the_hint_alone",
            "an_access_token_opens_userinfo_until_it_is_revoked_or_too_old",
        ],
    ),
    (
        38,
        "starts by policy",
        &[
            "a_start_with_input_makes_the_account_and_ends_with_tokens",
            "input_against_the_schema_is_refused_with_every_problem",
            "a_start_without_a_good_sdk_token_is_unauthorized",
        ],
    ),
    (
        39,
        "polling",
        &[
            "polling_to_continue_is_told_to_stay_and_then_leads_on",
            "a_challenge_is_approved_at_the_third_question",
        ],
    ),
    (40, "form coverage", &["the_coverage_page_has_every_field_and_shows_what_it_was_sent"]),
    (41, "two interactions of one browser", &["two_interactions_of_one_browser_do_not_mix"]),
    (42, "429", &["a_rate_limited_reply_has_the_documented_body_and_wait"]),
    (
        43,
        "faults",
        &[
            "a_reset_is_a_reset_on_the_wire_before_any_byte_or_in_the_middle_of_a_body",
            "a_fault_in_place_of_the_handler_leaves_the_flow_where_it_was_or_ends_it",
            "a_delay_is_put_into_the_calls_it_is_meant_for_and_is_recorded",
        ],
    ),
    (44, "versions by weight", &["versions_are_drawn_by_weight_and_differ"]),
    (45, "custom domain", &["a_custom_domain_has_no_environment_in_its_paths"]),
];

#[test]
fn every_assertion_is_made_by_tests_that_are_there() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut sources = fs::read_to_string(root.join("src/standin/refusal.rs")).expect("a source");
    for entry in fs::read_dir(root.join("tests/standin")).expect("tests") {
        sources += &fs::read_to_string(entry.expect("an entry").path()).expect("a test file");
    }
    let numbers: Vec<u32> = CHECKLIST.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=45).collect::<Vec<u32>>());
    for (number, matter, tests) in CHECKLIST {
        assert!(!tests.is_empty(), "{number}, {matter}: nothing makes it");
        for test in *tests {
            let is_there = sources.contains(&format!("fn {test}()"));
            assert!(is_there, "{number}, {matter}: there is no test `{test}`");
        }
    }
}

/// Every endpoint with a method that it takes; places in braces are filled in.
const ENDPOINTS: &[(Method, &str)] = &[
    (Method::GET, "{auth}/as/.well-known/openid-configuration"),
    (Method::GET, "{auth}/as/authorize?client_id={client}&redirect_uri={redirect}"),
    (Method::POST, "{auth}/davinci/connections/c/capabilities/x"),
    (Method::POST, "{auth}/davinci/policy/p/start"),
    (Method::POST, "{auth}/as/token"),
    (Method::GET, "{auth}/as/userinfo"),
    (Method::GET, "{auth}/as/signoff"),
    (Method::POST, "{auth}/as/revoke"),
    (Method::POST, "{auth}/as/introspect"),
    (Method::GET, "{auth}/as/jwks"),
    (Method::GET, "{auth}/davinci/.well-known/jwks.json"),
    (Method::POST, "{auth}/as/par"),
    (Method::POST, "{auth}/davinci/user/credentials/challenge/c/status"),
    (Method::GET, "{company}/sdktoken"),
    (Method::POST, "{company}/sdktoken"),
    (Method::POST, "{company}/policy/p/start"),
    (Method::GET, "{management}/users"),
    (Method::GET, "{management}/populations"),
    (Method::GET, "{management}/flowPolicies"),
    (Method::GET, "{management}/applications/a/flowPolicyAssignments"),
    (Method::GET, "{management}/davinciApplications"),
];

#[tokio::test]
async fn every_endpoint_is_open_to_other_origins() {
    let lab = Lab::start().await;
    let ready = &lab.running.ready;
    let origin = "http://localhost:5829";
    for (method, path) in ENDPOINTS {
        let url = path
            .replace("{auth}", &lab.url(""))
            .replace("{company}", &lab.company_url(""))
            .replace("{management}", &lab.management_url(""))
            .replace("{client}", &ready.client_id)
            .replace("{redirect}", &ready.redirect_uri);
        let reply = send(lab.request(method.clone(), &url).header("origin", origin)).await;
        assert_ne!(reply.status, 404, "{method} {path}: {reply:?}");
        assert!(reply.body.is_object(), "{method} {path}: {reply:?}");
        let preflight = lab
            .request(Method::OPTIONS, &url)
            .header("origin", origin)
            .header("access-control-request-method", method.as_str());
        let preflight = send(preflight).await;
        assert_eq!(preflight.status, 204, "{method} {path}");
        for reply in [&reply, &preflight] {
            assert_eq!(header(reply, "access-control-allow-origin"), origin, "{method} {path}");
            assert_eq!(header(reply, "access-control-allow-credentials"), "true");
            assert_eq!(header(reply, "vary"), "Origin");
        }
    }
}

#[tokio::test]
async fn the_policy_asked_for_is_served_and_else_the_first() {
    let lab = Lab::start().await;
    assert_form(&lab.agent().start().await, "65u7m8cm28");
    assert_form(&lab.agent().start_flow("agreement").await, "jrd7sxvrw3");
    let reversed = Lab::with(|settings| settings.policies.rotate_left(3)).await;
    assert_form(&reversed.agent().start().await, "jrd7sxvrw3");
}

#[tokio::test]
async fn the_first_form_of_every_flow_has_what_clients_need() {
    let lab = Lab::start().await;
    for name in ["stock", "forms", "verify-first", "agreement", "coverage", "polling", "challenge"]
    {
        let reply = lab.agent().start_flow(name).await;
        let body = &reply.body;
        assert_eq!(reply.status, 200, "{name}: {reply:?}");
        let href = body["_links"]["next"]["href"].as_str().unwrap_or_default();
        assert!(url::Url::parse(href).is_ok(), "{name}: {href}");
        for member in ["id", "interactionId", "interactionToken"] {
            assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member}");
        }
        assert!(body["form"]["name"].is_string() && body["form"]["category"].is_string());
        assert!(body["form"]["components"]["fields"].is_array(), "{name}");
        for forbidden in ["session", "authorizeResponse", "error", "status"] {
            assert!(body.get(forbidden).is_none(), "{name}: {forbidden}");
        }
        assert_eq!(header(&reply, "content-type"), "application/json");
    }
}

#[tokio::test]
async fn any_accept_language_is_taken() {
    let lab = Lab::start().await;
    for language in ["zz-ZZ", "*", "not a tag; q=x", ""] {
        let mut agent = lab.agent();
        agent.start().await;
        let body: Value = json!({ "parameters": { "data": { "actionKey": "REGISTER" } } });
        let request = agent.to_next().header("accept-language", language).body(body.to_string());
        assert_form(&agent.take(request).await, "1k5y98i1v1");
    }
}
