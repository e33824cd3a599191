//! What clients read before they start: the discovery document and the signing keys.

use super::call::Call;
use super::reply::{Key, Reply};
use super::tenant::Tenant;
use serde_json::json;

/// The OpenID discovery document; every URL in it is absolute.
pub fn configuration(tenant: &Tenant, _: &Call) -> Reply {
    let issuer = tenant.issuer();
    let at = |path: &str| format!("{issuer}/{path}");
    Reply::ok(&json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("signoff"),
        "revocation_endpoint": at("revoke"),
        "introspection_endpoint": at("introspect"),
        "jwks_uri": at("jwks"),
        "pushed_authorization_request_endpoint": at("par"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["pi.flow"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "subject_types_supported": ["public"],
        "scopes_supported": tenant.settings.application.scopes,
        "id_token_signing_alg_values_supported": [tenant.keys.algorithm()],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
    }))
    .of(Key::outside("discovery"))
}

/// The public keys.
pub fn jwks(tenant: &Tenant, _: &Call) -> Reply {
    Reply::ok(&tenant.keys.jwks).of(Key::outside("jwks"))
}
