//! What `[tenant]` says that nobody may see, wherever a tenant repeats it.

use super::tenant::{SdkToken, Tenant};
use crate::base::document::{Item, Section, Value};
use crate::base::secret::Secret;
use url::Url;

/// Shorter pieces of a header or parameter are words, such as `true`.
const SHORTEST_KEY: usize = 8;

/// What parts the pieces of a header's or parameter's value, such as `Bearer` and a token.
const BETWEEN: &[char] = &[' ', ',', ';', ':', '=', '&', '"'];

/// Values of headers, parameters and the redirect address that may be secret.
pub(super) fn read(section: &mut Section<'_>) -> Vec<Secret> {
    let mut hidden = Vec::new();
    for key in ["headers", "authorize_parameters"] {
        let Some(Item { value: Value::Table(table), .. }) = section.item(key) else { continue };
        for (.., item) in &table.entries {
            if let Value::Text { text, filled_in } = &item.value {
                hidden.extend(filled_in.then(|| text.clone()));
                let pieces = text.split(BETWEEN).filter(|piece| is_like_a_key(piece));
                hidden.extend(pieces.map(str::to_owned));
            }
        }
    }
    if let Some(Item { value: Value::Text { text, .. }, .. }) = section.item("redirect_uri") {
        hidden.extend(of_address(text));
    }
    hidden.sort_unstable();
    hidden.dedup();
    hidden.into_iter().map(Secret::new).collect()
}

/// Whether a piece of a text looks made up by a machine: letters and digits without an end.
fn is_like_a_key(piece: &str) -> bool {
    let has = |what: fn(&char) -> bool| piece.chars().any(|c| what(&c));
    piece.len() >= SHORTEST_KEY && has(char::is_ascii_digit) && has(char::is_ascii_alphabetic)
}

/// What an address says behind its path, and who somebody is in front of its host.
fn of_address(text: &str) -> Vec<String> {
    let behind = text.find(['?', '#']).map_or("", |at| &text[at + 1..]);
    let mut hidden = vec![behind.to_owned()];
    if let Ok(url) = Url::parse(text) {
        hidden.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
        hidden.extend(url.password().map(str::to_owned));
        let user = Some(url.username()).filter(|user| !user.is_empty());
        hidden.extend(user.map(str::to_owned));
    }
    hidden.retain(|text| !text.is_empty());
    hidden
}

impl Tenant {
    /// Everything in `[tenant]` that nobody may see, whichever requests carry it.
    pub fn secrets(&self) -> Vec<Secret> {
        let token = self.sdk_token.as_ref().map(|token| match token {
            SdkToken::ApiKey(secret) | SdkToken::Bearer(secret) => secret,
        });
        let worker = self.worker.as_ref().map(|worker| &worker.client_secret);
        let own = self.client_secret.iter().chain(token).chain(worker);
        own.chain(&self.hidden).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    #[test]
    fn what_came_from_outside_or_looks_like_a_key_is_hidden_and_a_word_is_not() {
        let text = "auth_url = \"https://a.example\"\nclient_id = \"app\"\n\
                    client_secret = \"${S}\"\nredirect_uri = \"https://u:pass-0@app.example/back?k=v-0-0&on=1#f\"\n\
                    headers = { X-Key = \"${S}\", Accept-Language = \"en-US,en;q=0.9\", Authorization = \"Bearer abcd1234\" }\n\
                    authorize_parameters = { debug = \"true\", key = \"k=0123456789abcdef\" }\n\
                    [sdk_token]\napi_key = \"${K}\"\n[worker]\nclient_id = \"w\"\nclient_secret = \"${W}\"\n";
        let mut table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        table.fill_in(&problems, &|text| {
            Ok(text.starts_with("${").then(|| format!("filled in {}", &text[2..3])))
        });
        let tenant = Tenant::of(&table, &problems).unwrap();
        let mut secrets: Vec<_> =
            tenant.secrets().iter().map(|secret| secret.expose().clone()).collect();
        secrets.sort_unstable();
        secrets.dedup();
        let expected = [
            "0123456789abcdef",
            "1",
            "abcd1234",
            "filled in K",
            "filled in S",
            "filled in W",
            "k=v-0-0&on=1#f",
            "pass-0",
            "u",
            "v-0-0",
        ];
        assert_eq!(secrets, expected);
    }
}
