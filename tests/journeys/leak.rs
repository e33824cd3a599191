//! Whatever was typed: what is secret in a recording is in no journey that was made of it.

use gander::journey::script::Script;
use gander::journey::{author, har, import};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A secret, long enough not to be found by chance in the words of a journey.
fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Za-z0-9!?#]{9,24}", "[0-9]{9,10}", "[a-z]{4} [A-Z]{4}[0-9]{3}", "[0-9a-f]{64}"]
}

/// Keys of fields whose values are secret, by their key or by the type beside it.
const SECRET_FIELDS: &[(&str, &str)] = &[
    ("PASSWORD", "password"),
    ("PASSWORD", "user.password"),
    ("PASSWORD", "hidden"),
    ("PASSWORD_VERIFY", "verifyPassword"),
    ("TEXT", "currentPassword"),
    ("TEXT", "newPassword"),
    ("TEXT", "otp"),
    ("TEXT", "passcode"),
    ("TEXT", "recoveryCode"),
    ("TEXT", "x.verificationCode"),
];

/// Keys of fields that anybody may see.
const OPEN_FIELDS: &[(&str, &str)] = &[
    ("TEXT", "username"),
    ("TEXT", "user.email"),
    ("TEXT", "memo"),
    ("TEXT", "nickname"),
    ("DROPDOWN", "colour"),
    ("CHECKBOX", "topics"),
    ("TEXT", "name.given"),
];

/// What goes into an open field: something of its own, or a secret by mistake.
#[derive(Clone, Debug)]
enum Open {
    Word(String),
    Secret(usize),
    Around(usize),
}

fn open() -> impl Strategy<Value = Open> {
    prop_oneof![
        "[a-z]{3,8}".prop_map(Open::Word),
        any::<usize>().prop_map(Open::Secret),
        any::<usize>().prop_map(Open::Around),
    ]
}

#[derive(Clone, Debug)]
struct Page {
    secrets: Vec<(usize, String)>,
    opens: Vec<(usize, Open)>,
    refused: bool,
    tokens: [String; 4],
}

prop_compose! {
    fn page()(
        secrets in prop::collection::btree_map(0..SECRET_FIELDS.len(), secret(), 0..3),
        opens in prop::collection::vec((0..OPEN_FIELDS.len(), open()), 0..4),
        refused in any::<bool>(),
        tokens in [secret(), secret(), secret(), secret()],
    ) -> Page {
        Page { secrets: secrets.into_iter().collect(), opens, refused, tokens }
    }
}

const AT: &str = "https://auth.example.com/env";

fn form(page: &Page, number: usize) -> Value {
    let used = page.secrets.iter().map(|(field, _)| SECRET_FIELDS[*field]);
    let used = used.chain(page.opens.iter().map(|(field, _)| OPEN_FIELDS[*field]));
    let mut fields: Vec<Value> =
        used.map(|(kind, key)| json!({ "type": kind, "key": key })).collect();
    fields.push(json!({ "type": "SUBMIT_BUTTON", "key": format!("GO{number}") }));
    json!({ "id": "a", "interactionId": page.tokens[0], "interactionToken": page.tokens[1],
        "_links": { "next": { "href": format!("{AT}/davinci/connections/c/capabilities/x") } },
        "form": { "components": { "fields": fields } } })
}

fn entry(
    (method, url): (&str, &str),
    body: Option<Value>,
    (status, reply): (u16, &Value),
    cookie: &str,
) -> Value {
    let mut request = json!({ "method": method, "url": url,
        "headers": [{ "name": "Cookie", "value": format!("ST={cookie}; other=1") }] });
    if let Some(body) = body {
        request["postData"] = json!({ "text": body.to_string() });
    }
    json!({ "request": request, "response": { "status": status,
        "headers": [{ "name": "Set-Cookie", "value": format!("ST={cookie}; Path=/") }],
        "content": { "text": reply.to_string() } } })
}

/// A recording of the pages one after the other, and everything in it that is secret.
fn recording(pages: &[Page]) -> (String, Vec<String>) {
    // The last token of a page is that of the session, which only the last page makes.
    let tokens = pages.iter().flat_map(|page| page.tokens[..3].to_vec());
    let mut secrets: Vec<String> = tokens.collect();
    secrets.extend(pages.last().map(|page| page.tokens[3].clone()));
    secrets.extend(pages.iter().flat_map(|page| page.secrets.iter().map(|(_, s)| s.clone())));
    let start = format!("{AT}/as/authorize?response_mode=pi.flow&client_id=app");
    let mut entries =
        vec![entry(("GET", &start), None, (200, &form(&pages[0], 0)), &pages[0].tokens[2])];
    for (number, page) in pages.iter().enumerate() {
        let mut values = Map::new();
        for (field, value) in &page.secrets {
            values.insert(SECRET_FIELDS[*field].1.to_owned(), value.as_str().into());
        }
        for (field, value) in &page.opens {
            let text = match value {
                Open::Word(word) => word.clone(),
                Open::Secret(at) => secrets[at % secrets.len()].clone(),
                Open::Around(at) => format!("my {} here", secrets[at % secrets.len()]),
            };
            values.insert(OPEN_FIELDS[*field].1.to_owned(), text.into());
        }
        let sent = json!({ "id": "a", "interactionId": page.tokens[0], "parameters": {
            "eventType": "submit", "data": { "actionKey": format!("GO{number}"), "formData": values } } });
        let url = format!("{AT}/davinci/connections/c/capabilities/x");
        if page.refused {
            let refusal =
                json!({ "connectorId": "pingOneSSOConnector", "capabilityName": "checkPassword" });
            entries.push(entry(
                ("POST", &url),
                Some(sent.clone()),
                (400, &refusal),
                &page.tokens[2],
            ));
        }
        let reply = match pages.get(number + 1) {
            Some(next) => form(next, number + 1),
            None => json!({ "session": { "id": page.tokens[3] },
                "authorizeResponse": { "code": page.tokens[3] } }),
        };
        entries.push(entry(("POST", &url), Some(sent), (200, &reply), &page.tokens[2]));
    }
    (json!({ "log": { "entries": entries } }).to_string(), secrets)
}

proptest! {
    #[test]
    fn what_is_secret_in_a_recording_is_in_no_journey(pages in prop::collection::vec(page(), 1..4)) {
        let (text, secrets) = recording(&pages);
        let exchanges = har::read(text.as_bytes()).expect("a sound recording");
        let made = import::import(&exchanges, "mine").expect("a journey");
        let written = author::write(&made.script, &made.remarks);
        let again = Script::parse("mine.toml", &written);
        prop_assert_eq!(again.as_ref(), Ok(&made.script), "{}", written);
        for secret in secrets {
            prop_assert!(!written.contains(&secret), "`{}` is in\n{}", secret, written);
        }
    }
}
