//! The management API for users: create, import, find, change, passwords, unlock, delete.

use super::call::Call;
use super::directory::{Code, Directory, NotCreated, Profile, User};
use super::filter::Filter;
use super::mail::{Kind, Letter};
use super::management::{for_worker, invalid, invalid_with, key};
use super::password::Hashed;
use super::reply::Reply;
use super::tenant::{Tenant, uuid};
use crate::base::clock::Utc;
use crate::base::random::{ALPHANUMERIC, text};
use crate::base::secret::Secret;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Creates a user; as an import when the media type says so.
pub fn create(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || created(tenant, call).unwrap_or_else(|refused| refused))
        .of(key("users", "POST"))
}

fn created(tenant: &Tenant, call: &Call) -> Result<Reply, Reply> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let default = Profile { population: tenant.population_id.clone(), ..Profile::default() };
    let profile = profile(&tenant.directory(), &body, default)?;
    let mut random = tenant.draw("user");
    let mut user = User::new(&uuid(&mut random), profile, tenant.clock.wall());
    let lifecycle = &body["lifecycle"];
    user.verified = lifecycle["status"] != "VERIFICATION_REQUIRED";
    let mut letters = Vec::new();
    if !user.verified && lifecycle["suppressVerificationCode"] != true {
        let code: Secret = text(&mut random, ALPHANUMERIC, 8).into();
        user.verification = Some(Code { text: code.clone(), made: tenant.clock.now() });
        let to = user.profile.email.clone();
        letters.push(Letter { to, kind: Kind::Verification, code: Some(code) });
    }
    if let Some(password) = body["password"]["value"].as_str() {
        set(tenant, &mut user, &body["password"], password)?;
    }
    let shown = show(tenant, &user);
    match tenant.directory().add(user) {
        Ok(()) => Ok(Reply { letters: letters.into(), ..Reply::json(StatusCode::CREATED, &shown) }),
        Err(NotCreated::Duplicate) => {
            let message = "is unique but a non-unique value is provided";
            Err(invalid(("UNIQUENESS_VIOLATION", "username"), message))
        }
        Err(NotCreated::Full) => {
            Err(Reply::platform(StatusCode::BAD_REQUEST, "REQUEST_FAILED", "The directory is full"))
        }
    }
}

/// Finds users: `filter`, `limit`, `cursor`.
pub fn find(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || found(tenant, call).unwrap_or_else(|refused| refused))
        .of(key("users", "GET"))
}

fn found(tenant: &Tenant, call: &Call) -> Result<Reply, Reply> {
    let query = call.query();
    let filter_text = query.get("filter").unwrap_or_default();
    let filter: Filter = filter_text
        .parse()
        .map_err(|error| invalid(("INVALID_VALUE", "filter"), &format!("{error}")))?;
    let limit = query.get("limit").map_or(Ok(100), str::parse::<usize>);
    let limit = limit.ok().filter(|limit| (1..=1000).contains(limit));
    let limit = limit.ok_or_else(|| invalid(("INVALID_VALUE", "limit"), "1 to 1000"))?;
    let cursor = query.get("cursor").map(|cursor| {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        String::from_utf8(bytes).ok()
    });
    let after = match cursor {
        Some(None) => return Err(invalid(("INVALID_VALUE", "cursor"), "not one of this API")),
        Some(after) => after,
        None => None,
    };
    let directory = tenant.directory();
    let prefix = filter.username_prefix();
    let passing = |user: &&User| filter.passes(user);
    let count = directory.listing(prefix, None).filter(passing).count();
    let mut page = directory.listing(prefix, after.as_deref()).filter(passing);
    let users: Vec<&User> = page.by_ref().take(limit).collect();
    let more = page.next().is_some();
    let base =
        format!("{}/v1/environments/{}/users", tenant.origin, tenant.settings.environment_id);
    let link = |cursor: Option<&str>| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        if !filter_text.is_empty() {
            query.append_pair("filter", filter_text);
        }
        if let Some(cursor) = cursor {
            query.append_pair("cursor", &URL_SAFE_NO_PAD.encode(cursor));
        }
        json!({ "href": format!("{base}?{}", query.finish()) })
    };
    let mut links = json!({ "self": link(after.as_deref()) });
    if let Some(last) = users.last().filter(|_| more) {
        links["next"] = link(Some(&last.profile.username.to_lowercase()));
    }
    let shown: Vec<Value> = users.iter().map(|user| show(tenant, user)).collect();
    Ok(Reply::ok(&json!({
        "_links": links, "_embedded": { "users": shown }, "count": count, "size": shown.len(),
    })))
}

/// Reads a user.
pub fn read(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || with_user(tenant, call, |user| Ok(show(tenant, user))))
        .of(key("user", "GET"))
}

/// Changes the members of a profile that the body has.
pub fn update(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let mut directory = tenant.directory();
        let id = call.segment("user");
        let Some(user) = directory.get(id) else { return not_found() };
        let profile = match profile(&directory, &body, user.profile.clone()) {
            Ok(profile) => profile,
            Err(refused) => return refused,
        };
        if !directory.rename(id, profile) {
            let message = "is unique but a non-unique value is provided";
            return invalid(("UNIQUENESS_VIOLATION", "username"), message);
        }
        directory.get(id).map_or_else(not_found, |user| Reply::ok(&show(tenant, user)))
    });
    reply.of(key("user", "PATCH"))
}

/// Deletes a user.
pub fn delete(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || {
        let removed = tenant.directory().remove(call.segment("user"));
        removed.map_or_else(not_found, |_| Reply::empty())
    });
    reply.of(key("user", "DELETE"))
}

/// Does to a user what the media type says: unlock or lock.
pub fn act(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || match media(call) {
        "account.unlock" => with_user(tenant, call, |user| {
            user.unlock();
            Ok(show(tenant, user))
        }),
        "account.lock" => with_user(tenant, call, |user| {
            user.lock();
            Ok(show(tenant, user))
        }),
        other => unsupported(other),
    });
    reply.of(key("user", "POST"))
}

/// Does to a password what the media type says: set it, or have it changed.
pub fn password(tenant: &Tenant, call: &Call) -> Reply {
    let reply = for_worker(tenant, call, || match media(call) {
        "password.set" => {
            let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            let Some(password) = body["value"].as_str() else {
                return invalid(("REQUIRED_VALUE", "value"), "value is required");
            };
            with_user(tenant, call, |user| {
                set(tenant, user, &body, password)?;
                Ok(password_status(user))
            })
        }
        "password.forceChange" => with_user(tenant, call, |user| {
            user.must_change = true;
            Ok(password_status(user))
        }),
        other => unsupported(other),
    });
    reply.of(key("password", "PUT"))
}

/// The state of a password.
pub fn password_state(tenant: &Tenant, call: &Call) -> Reply {
    for_worker(tenant, call, || with_user(tenant, call, |user| Ok(password_status(user))))
        .of(key("password", "GET"))
}

/// Sets a password that keeps the policy. An administrator's may repeat the history, and
/// `bypassPolicy` switches the policy off (both assumed).
fn set(tenant: &Tenant, user: &mut User, body: &Value, password: &str) -> Result<(), Reply> {
    let policy = &tenant.settings.password_policy;
    let broken = policy.unsatisfied(password, &user.profile.attributes(), None);
    if !broken.is_empty() && body["bypassPolicy"] != true {
        let names: Vec<&str> = broken.iter().map(|(name, _)| *name).collect();
        return Err(invalid_with(json!({
            "code": "INVALID_VALUE",
            "target": "password",
            "message": "User password did not satisfy password policy requirements",
            "innerError": { "unsatisfiedRequirements": names },
        })));
    }
    user.set_password(Hashed::of(password, &mut tenant.draw("salt")), policy.history);
    user.must_change = body["forceChange"] == true;
    Ok(())
}

/// A profile from a body, `before` filling what the body does not have.
fn profile(directory: &Directory, body: &Value, before: Profile) -> Result<Profile, Reply> {
    let or = |value: &Value, before: String| value.as_str().map_or(before, str::to_owned);
    let profile = Profile {
        username: or(&body["username"], before.username),
        email: or(&body["email"], before.email),
        given: or(&body["name"]["given"], before.given),
        family: or(&body["name"]["family"], before.family),
        population: or(&body["population"]["id"], before.population),
    };
    for (target, value) in [("username", &profile.username), ("email", &profile.email)] {
        if value.is_empty() {
            return Err(invalid(("REQUIRED_VALUE", target), "a value is required"));
        }
    }
    if !directory.populations().iter().any(|known| known.id == profile.population) {
        return Err(invalid(("INVALID_VALUE", "population"), "no such population"));
    }
    Ok(profile)
}

fn with_user(
    tenant: &Tenant,
    call: &Call,
    use_it: impl FnOnce(&mut User) -> Result<Value, Reply>,
) -> Reply {
    let mut directory = tenant.directory();
    let Some(user) = directory.get_mut(call.segment("user")) else { return not_found() };
    use_it(user).map_or_else(|refused| refused, |shown| Reply::ok(&shown))
}

fn show(tenant: &Tenant, user: &User) -> Value {
    let profile = &user.profile;
    let status = if user.verified { "ACCOUNT_OK" } else { "VERIFICATION_REQUIRED" };
    let locked = user.is_locked(tenant.clock.now());
    json!({
        "id": *user.id,
        "environment": { "id": tenant.settings.environment_id },
        "account": {
            "canAuthenticate": !locked && user.has_password(),
            "status": if locked { "LOCKED" } else { "OK" },
        },
        "createdAt": Utc::of(user.created).stamp(),
        "email": profile.email,
        "enabled": true,
        "lifecycle": { "status": status },
        "name": { "given": profile.given, "family": profile.family },
        "population": { "id": profile.population },
        "username": profile.username,
    })
}

fn password_status(user: &User) -> Value {
    let status = match (user.has_password(), user.must_change) {
        (false, _) => "NO_PASSWORD",
        (true, true) => "MUST_CHANGE_PASSWORD",
        (true, false) => "OK",
    };
    json!({ "status": status })
}

/// What a media type `application/vnd.pingidentity.WHAT+json` asks for.
fn media(call: &Call) -> &str {
    let media = call.header("content-type").unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let what = media.strip_prefix("application/vnd.pingidentity.");
    what.and_then(|what| what.strip_suffix("+json")).unwrap_or(media)
}

fn unsupported(media: &str) -> Reply {
    let message = format!("The media type `{media}` is not served here");
    Reply::platform(StatusCode::UNSUPPORTED_MEDIA_TYPE, "INVALID_REQUEST", &message)
}

fn not_found() -> Reply {
    Reply::platform(StatusCode::NOT_FOUND, "NOT_FOUND", "No such user")
}
