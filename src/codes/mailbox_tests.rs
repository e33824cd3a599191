//! Mailboxes of every preset, as their programs answer; the genuine MailDev is in `tests/codes`.

use super::extract::CodePattern;
use super::http_mailbox::{HttpMailbox, MailboxError, MailboxSettings};
use super::layout::{Layout, PRESETS};
use super::office::{Office, Waiter};
use super::reach::Reach;
use crate::base::clock::Clock;
use crate::base::remedy::Remedy;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::AbortHandle;

const SOON: Duration = Duration::from_secs(20);

/// A mail in a mailbox: its number, whom it is for, what it says.
#[derive(Clone)]
struct Mail(usize, String, String);

/// A mailbox that answers as every preset does, each below its own path.
struct Lab {
    url: String,
    mails: Arc<Mutex<Vec<Mail>>>,
    serving: AbortHandle,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Lab {
    async fn start() -> Self {
        let mails = Arc::<Mutex<Vec<Mail>>>::default();
        let router = Router::new().fallback(answer).with_state(mails.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, mails, serving: serving.abort_handle() }
    }

    fn deliver(&self, to: &str, text: &str) {
        let mut mails = self.mails.lock().unwrap();
        let number = mails.last().map_or(1, |mail| mail.0 + 1);
        mails.push(Mail(number, to.to_owned(), text.to_owned()));
    }

    fn settings(&self, layout: Layout) -> MailboxSettings {
        MailboxSettings {
            url: self.url.clone(),
            layout,
            inbox: "box".to_owned(),
            credentials: None,
            token: None,
            poll: Duration::from_millis(5),
        }
    }

    async fn mailbox(&self, layout: Layout, office: &Office) -> HttpMailbox {
        start(&self.settings(layout), office).await.unwrap()
    }
}

async fn start(settings: &MailboxSettings, office: &Office) -> Result<HttpMailbox, MailboxError> {
    let theirs = (office.clone(), Clock::system());
    HttpMailbox::start(settings, &CodePattern::default(), theirs, &Reach::default()).await
}

fn preset(name: &str) -> Layout {
    PRESETS.iter().find(|preset| preset.name == name).unwrap().layout().unwrap()
}

async fn answer(State(mails): State<Arc<Mutex<Vec<Mail>>>>, request: Request) -> Response {
    let mails = mails.lock().unwrap().clone();
    let query = request.uri().query().unwrap_or_default();
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let number = |key: &str| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(0usize);
    let newest = || mails.iter().rev();
    let path = request.uri().path();
    if path == "/closed" && !request.headers().contains_key("authorization") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let single = |prefix: &str| {
        let id: usize = path.strip_prefix(prefix)?.parse().ok()?;
        mails.iter().find(|mail| mail.0 == id)
    };
    if let Some(to) = path.strip_prefix("/for/") {
        let to = percent_encoding::percent_decode_str(to).decode_utf8().unwrap();
        let own: Vec<&Mail> = newest().filter(|mail| mail.1 == to).collect();
        return match own.first() {
            Some(mail) => mail.2.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    if let Some(mail) = single("/api/v1/message/") {
        return json!({ "Text": mail.2, "HTML": "", "Subject": "Hi" }).to_string().into_response();
    }
    if let Some(mail) = single("/api/messages/") {
        return json!({ "text": { "body": mail.2 }, "subject": "Hi" }).to_string().into_response();
    }
    let found: Value = match path {
        "/email" => mails
            .iter()
            .skip(number("skip"))
            .map(|mail| json!({ "id": mail.0.to_string(), "envelope": { "to": [{ "address": mail.1 }] }, "text": mail.2 }))
            .collect(),
        "/api/v1/messages" => {
            let part = newest().skip(number("start")).take(number("limit"));
            json!({ "messages": part.map(|mail| json!({ "ID": mail.0, "To": [{ "Address": mail.1 }] })).collect::<Vec<_>>() })
        }
        "/api/v2/messages" => {
            let part = newest().skip(number("start")).take(number("limit"));
            let raw = |mail: &Mail| {
                let body = STANDARD.encode(&mail.2);
                format!("Subject: Hi\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\r\n{body}\r\n")
            };
            json!({ "items": part.map(|mail| json!({ "ID": mail.0, "Raw": { "To": [mail.1], "Data": raw(mail) } })).collect::<Vec<_>>() })
        }
        "/api/messages" if query.get("server").is_some_and(|server| server == "box") => {
            let size = number("itemsPerPage");
            let part = newest().skip(number("page") * size).take(size);
            json!({ "items": part.map(|mail| json!({ "id": mail.0, "to": [{ "email": mail.1 }] })).collect::<Vec<_>>() })
        }
        "/closed" => json!([]),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    found.to_string().into_response()
}

fn office() -> Office {
    Office::new(Clock::system())
}

async fn nth(waiter: &mut Waiter, number: usize) -> String {
    waiter.nth(number, SOON).await.unwrap().0.expose().clone()
}

#[tokio::test]
async fn every_preset_brings_codes_in_their_order_and_passes_over_what_was_there() {
    for known in PRESETS {
        let (lab, office) = (Lab::start().await, office());
        lab.deliver("jane@x.test", "Your code is: old00000");
        let _mailbox = lab.mailbox(known.layout().unwrap(), &office).await;
        let mut jane = office.open("jane@x.test").unwrap();
        let mut joe = office.open("joe+1@x.test").unwrap();
        lab.deliver("joe+1@x.test", "Your code is: joes0001");
        lab.deliver("jane@x.test", "Welcome! There is nothing to enter.");
        lab.deliver("Jane@X.test", "Your code is: jane0001");
        lab.deliver("jane@x.test", "Your code is: jane0002");
        lab.deliver("nobody@x.test", "Your code is: nobodys1");
        assert_eq!(nth(&mut jane, 2).await, "jane0002", "{}", known.name);
        assert_eq!(nth(&mut jane, 1).await, "jane0001", "{}", known.name);
        assert_eq!(nth(&mut joe, 1).await, "joes0001", "{}", known.name);
        // Whoever comes last may not have been looked at yet.
        lab.deliver("joe+1@x.test", "Your code is: joes0002");
        assert_eq!(nth(&mut joe, 2).await, "joes0002", "{}", known.name);
        let stats = office.stats();
        let counted = (stats.received, stats.delivered, stats.no_code, stats.no_waiter);
        assert_eq!(counted, (6, 4, 1, 1), "{}: {stats:?}", known.name);
        assert_eq!(office.trouble().times, 0, "{}: {:?}", known.name, office.trouble());
    }
}

#[tokio::test]
async fn a_list_in_many_parts_is_read_to_its_end() {
    for known in PRESETS {
        let (lab, office) = (Lab::start().await, office());
        for number in 0..30 {
            lab.deliver("old@x.test", &format!("Your code is: old{number:05}"));
        }
        let _mailbox = lab.mailbox(known.layout().unwrap(), &office).await;
        {
            let mut mails = lab.mails.lock().unwrap();
            for number in 0..450 {
                let (id, to) = (number + 100, format!("user-{number}@x.test"));
                mails.push(Mail(id, to, format!("Your code is: c{number:07}")));
            }
        }
        let mut first = office.open("user-0@x.test").unwrap();
        let mut last = office.open("user-449@x.test").unwrap();
        assert_eq!(nth(&mut first, 1).await, "c0000000", "{}", known.name);
        assert_eq!(nth(&mut last, 1).await, "c0000449", "{}", known.name);
    }
}

#[tokio::test]
async fn a_mailbox_that_somebody_empties_is_read_on() {
    for known in PRESETS {
        let (lab, office) = (Lab::start().await, office());
        for _ in 0..5 {
            lab.deliver("old@x.test", "Your code is: old00000");
        }
        let _mailbox = lab.mailbox(known.layout().unwrap(), &office).await;
        let mut jane = office.open("jane@x.test").unwrap();
        lab.mails.lock().unwrap().retain(|mail| mail.0 == 5);
        lab.deliver("jane@x.test", "Your code is: jane0001");
        assert_eq!(nth(&mut jane, 1).await, "jane0001", "{}", known.name);
        let fresh = vec![Mail(77, "jane@x.test".to_owned(), "Your code is: jane0002".to_owned())];
        *lab.mails.lock().unwrap() = fresh;
        assert_eq!(nth(&mut jane, 2).await, "jane0002", "{}", known.name);
    }
}

#[tokio::test]
async fn a_mailbox_may_be_asked_for_one_person_at_a_time() {
    let (lab, office) = (Lab::start().await, office());
    let layout = Layout { list: "/for/{recipient}".to_owned(), ..Layout::default() };
    let _mailbox = lab.mailbox(layout, &office).await;
    let mut jane = office.open("load+jane@x.test").unwrap();
    lab.deliver("load+jane@x.test", "<html><p>Your code is:</p><p>jane0001</p></html>");
    assert_eq!(nth(&mut jane, 1).await, "jane0001");
    lab.deliver("load+jane@x.test", "Your code is: jane0002");
    assert_eq!(nth(&mut jane, 2).await, "jane0002");
    assert_eq!(office.stats().received, 2);
}

#[tokio::test]
async fn what_keeps_a_mailbox_from_being_asked_is_known_at_once() {
    let (lab, office) = (Lab::start().await, office());
    let at = |list: &str| Layout { list: list.to_owned(), ..preset("maildev") };
    for (layout, expected) in [
        (at("/closed"), "the mailbox answers 401"),
        (at("/nowhere"), "the mailbox answers 404"),
        (at("/for/x"), "the mailbox answers 404"),
        (preset("mailpit"), ""),
        (
            Layout { list: "/email".to_owned(), ..preset("mailpit") },
            "what the mailbox answers is not a list of mails",
        ),
    ] {
        let said = match start(&lab.settings(layout), &office).await {
            Ok(_) => String::new(),
            Err(error) => {
                assert!(error.remedy().is_some(), "{error}");
                error.to_string()
            }
        };
        assert_eq!(said, expected);
    }
    let token = Some("hush".to_owned().into());
    let known = MailboxSettings { token, ..lab.settings(at("/closed")) };
    assert!(start(&known, &office).await.is_ok());
    let away = MailboxSettings { url: "https://192.0.2.1".to_owned(), ..known };
    let error = start(&away, &office).await.unwrap_err();
    assert!(error.to_string().contains("nothing was sent"), "{error}");
}

#[tokio::test]
async fn trouble_on_the_way_is_counted_and_overcome() {
    let (lab, office) = (Lab::start().await, office());
    let layout = Layout { message: Some("/nowhere/{id}".to_owned()), ..preset("mailpit") };
    let _mailbox = lab.mailbox(layout, &office).await;
    let waiter = office.open("jane@x.test").unwrap();
    lab.deliver("jane@x.test", "Your code is: jane0001");
    while office.stats().received == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((office.stats().no_code, waiter.count()), (1, 0));
    assert_eq!(office.trouble().last.as_deref(), Some("the mailbox answers 404"));
}

#[test]
fn a_token_is_brought_the_way_the_mailbox_wants_it() {
    let settings = |name| MailboxSettings {
        url: String::new(),
        layout: preset(name),
        inbox: String::new(),
        credentials: None,
        token: Some("key".to_owned().into()),
        poll: Duration::ZERO,
    };
    assert_eq!(settings("mailpit").authorization().unwrap().expose(), "Bearer key");
    assert_eq!(settings("mailosaur").authorization().unwrap().expose(), "Basic a2V5Og==");
}
