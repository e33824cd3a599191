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
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::task::AbortHandle;

const SOON: Duration = Duration::from_secs(20);

/// A mail in a mailbox: its number, whom it is for, what it says.
#[derive(Clone)]
struct Mail(usize, Vec<String>, String);

/// What a mailbox has, and what goes wrong with it.
#[derive(Default)]
struct World {
    mails: Vec<Mail>,
    /// How often a path that begins so is still answered 503.
    broken: Vec<(String, usize)>,
    /// Whether the next part of the list that is not its first is answered 503.
    second_part_fails: bool,
    /// Mails that come while the list is read: one after each part.
    arriving: Vec<(String, String)>,
    /// What is at `/page`.
    page: String,
    /// Paths that were asked for.
    asked: Vec<String>,
}

impl World {
    fn deliver(&mut self, to: &[&str], text: &str) {
        let number = self.mails.last().map_or(1, |mail| mail.0 + 1);
        let to = to.iter().map(|person| (*person).to_owned()).collect();
        self.mails.push(Mail(number, to, text.to_owned()));
    }
}

/// A mailbox that answers as every preset does, each below its own path.
struct Lab {
    url: String,
    world: Arc<Mutex<World>>,
    serving: AbortHandle,
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Lab {
    async fn start() -> Self {
        let world = Arc::<Mutex<World>>::default();
        let router = Router::new().fallback(answer).with_state(world.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, world, serving: serving.abort_handle() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    fn deliver(&self, to: &str, text: &str) {
        self.world().deliver(&[to], text);
    }

    /// Answers 503 so often where a path begins so.
    fn fail(&self, path: &str, times: usize) {
        self.world().broken.push((path.to_owned(), times));
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

async fn answer(State(world): State<Arc<Mutex<World>>>, request: Request) -> Response {
    let mut world = world.lock().unwrap();
    let path = request.uri().path();
    world.asked.push(path.to_owned());
    let broken = world
        .broken
        .iter_mut()
        .find(|(prefix, times)| *times > 0 && path.starts_with(prefix.as_str()));
    if let Some((_, times)) = broken {
        *times -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if path == "/page" {
        return world.page.clone().into_response();
    }
    if path == "/closed" && !request.headers().contains_key("authorization") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let query = request.uri().query().unwrap_or_default();
    let query: HashMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let is_first =
        ["skip", "start", "page"].iter().all(|key| query.get(*key).is_none_or(|at| at == "0"));
    if world.second_part_fails && !is_first {
        world.second_part_fails = false;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Some(reply) = single(&world.mails, path) {
        return reply;
    }
    let Some(list) = list(&world.mails, path, &query) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !world.arriving.is_empty() {
        let (to, text) = world.arriving.remove(0);
        world.deliver(&[&to], &text);
    }
    list.to_string().into_response()
}

/// A single mail, or a page about a person.
fn single(mails: &[Mail], path: &str) -> Option<Response> {
    if let Some(to) = path.strip_prefix("/for/") {
        let to = percent_encoding::percent_decode_str(to).decode_utf8().unwrap().into_owned();
        let own = mails.iter().rev().find(|mail| mail.1.contains(&to));
        return Some(match own {
            Some(mail) => mail.2.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        });
    }
    let of = |prefix: &str, suffix: &str| {
        let id: usize = path.strip_prefix(prefix)?.strip_suffix(suffix)?.parse().ok()?;
        mails.iter().find(|mail| mail.0 == id)
    };
    if let Some(mail) = of("/api/v1/message/", "/raw") {
        return Some(format!("Subject: Hi\r\n\r\n{}\r\n", mail.2).into_response());
    }
    let mail = of("/api/messages/", "")?;
    Some(json!({ "text": { "body": mail.2 }, "subject": "Hi" }).to_string().into_response())
}

fn list(mails: &[Mail], path: &str, query: &HashMap<String, String>) -> Option<Value> {
    let number = |key: &str| query.get(key).and_then(|text| text.parse().ok()).unwrap_or(0usize);
    let newest = || mails.iter().rev();
    let people = |mail: &Mail, key: &str| -> Value {
        mail.1.iter().map(|person| json!({ (key): person })).collect()
    };
    Some(match path {
        "/email" => mails
            .iter()
            .skip(number("skip"))
            .map(|mail| json!({ "id": mail.0.to_string(), "envelope": { "to": people(mail, "address") }, "text": mail.2 }))
            .collect(),
        // As the one before, and in parts of ten.
        "/paged" => mails
            .iter()
            .skip(number("page") * 10)
            .take(10)
            .map(|mail| json!({ "id": mail.0.to_string(), "envelope": { "to": people(mail, "address") }, "text": mail.2 }))
            .collect(),
        "/api/v1/messages" => {
            let part = newest().skip(number("start")).take(number("limit"));
            json!({ "messages": part.map(|mail| json!({ "ID": mail.0, "To": people(mail, "Address") })).collect::<Vec<_>>() })
        }
        "/api/v1/search" => {
            let to = query["query"].strip_prefix("to:").unwrap_or_default();
            // It finds who is called so among others.
            let part = newest().filter(|mail| mail.1.iter().any(|person| person.contains(to)));
            json!({ "messages": part.map(|mail| json!({ "ID": mail.0, "To": people(mail, "Address") })).collect::<Vec<_>>() })
        }
        "/api/v2/messages" => {
            let part = newest().skip(number("start")).take(number("limit"));
            let raw = |mail: &Mail| {
                let body = STANDARD.encode(&mail.2);
                format!("Subject: Hi\r\nContent-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\r\n{body}\r\n")
            };
            json!({ "items": part.map(|mail| json!({ "ID": mail.0, "Raw": { "To": mail.1, "Data": raw(mail) } })).collect::<Vec<_>>() })
        }
        "/api/messages" if query.get("server").is_some_and(|server| server == "box") => {
            let size = number("itemsPerPage");
            let part = newest().skip(number("page") * size).take(size);
            json!({ "items": part.map(|mail| json!({ "id": mail.0, "to": people(mail, "email") })).collect::<Vec<_>>() })
        }
        "/closed" => json!([]),
        _ => return None,
    })
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
        let mut first = office.open("user-0@x.test").unwrap();
        let mut last = office.open("user-449@x.test").unwrap();
        {
            let mut world = lab.world();
            for number in 0..450 {
                let (to, text) =
                    (format!("user-{number}@x.test"), format!("Your code is: c{number:07}"));
                world.deliver(&[&to], &text);
            }
            // While it is read, mails come that move all others on by one.
            let late =
                |number| ("late@x.test".to_owned(), format!("Your code is: late{number:04}"));
            world.arriving = (0..3).map(late).collect();
        }
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
        lab.world().mails.retain(|mail| mail.0 == 5);
        lab.deliver("jane@x.test", "Your code is: jane0001");
        assert_eq!(nth(&mut jane, 1).await, "jane0001", "{}", known.name);
        let (to, text) = (vec!["jane@x.test".to_owned()], "Your code is: jane0002".to_owned());
        lab.world().mails = vec![Mail(77, to, text)];
        assert_eq!(nth(&mut jane, 2).await, "jane0002", "{}", known.name);
    }
}

#[tokio::test]
async fn a_list_whose_parts_are_counted_is_read_on_wherever_the_oldest_stand() {
    let (lab, office) = (Lab::start().await, office());
    for number in 0..25 {
        lab.deliver("old@x.test", &format!("Your code is: old{number:05}"));
    }
    let layout = Layout { list: "/paged?page={page}".to_owned(), ..preset("maildev") };
    let _mailbox = lab.mailbox(layout, &office).await;
    let mut jane = office.open("jane@x.test").unwrap();
    // The fifth mail fills a part, and the next begin the one after it.
    for number in 1..=17 {
        lab.deliver("jane@x.test", &format!("Your code is: jane{number:04}"));
        assert_eq!(nth(&mut jane, number).await, format!("jane{number:04}"));
    }
    lab.world().mails.drain(..30);
    lab.deliver("jane@x.test", "Your code is: jane0018");
    assert_eq!(nth(&mut jane, 18).await, "jane0018");
    assert_eq!((office.stats().received, office.trouble().times), (18, 0));
}

#[tokio::test]
async fn a_mail_to_several_people_reaches_each_of_them() {
    for known in PRESETS {
        let (lab, office) = (Lab::start().await, office());
        let _mailbox = lab.mailbox(known.layout().unwrap(), &office).await;
        let mut jane = office.open("jane@x.test").unwrap();
        let mut joe = office.open("joe@x.test").unwrap();
        lab.world().deliver(
            &["other@x.test", "jane@x.test", "Joe@x.test", "jane@x.test"],
            "Your code is: both0001",
        );
        assert_eq!(nth(&mut jane, 1).await, "both0001", "{}", known.name);
        assert_eq!(nth(&mut joe, 1).await, "both0001", "{}", known.name);
        assert_eq!((jane.count(), office.stats().received), (1, 2), "{}", known.name);
    }
}

#[tokio::test]
async fn a_mailbox_may_be_asked_for_one_person_at_a_time() {
    let (lab, office) = (Lab::start().await, office());
    let layout = Layout { list: "/for/{recipient}".to_owned(), ..Layout::default() };
    let _mailbox = lab.mailbox(layout, &office).await;
    let mut jane = office.open("load+jane@x.test").unwrap();
    jane.ready(SOON).await.unwrap();
    lab.deliver("load+jane@x.test", "<html><p>Your code is:</p><p>jane0001</p></html>");
    assert_eq!(nth(&mut jane, 1).await, "jane0001");
    lab.deliver("load+jane@x.test", "Your code is: jane0002");
    assert_eq!(nth(&mut jane, 2).await, "jane0002");
    assert_eq!(office.stats().received, 2);
}

#[tokio::test]
async fn what_a_person_had_before_is_not_taken_for_a_new_code() {
    let personal = Layout { list: "/for/{recipient}".to_owned(), ..Layout::default() };
    let list = "/api/v1/search?query=to:{recipient}".to_owned();
    for layout in [personal, Layout { list, ..preset("mailpit") }] {
        let (lab, office) = (Lab::start().await, office());
        lab.deliver("jane@x.test", "Your code is: old00001");
        let path = layout.list.split(['?', '{']).next().unwrap().to_owned();
        lab.fail(&path, 1);
        let _mailbox = lab.mailbox(layout, &office).await;
        for number in 1..=2 {
            let mut jane = office.open("jane@x.test").unwrap();
            assert!(!jane.is_ready(), "what was there is not known yet");
            jane.ready(SOON).await.unwrap();
            lab.deliver("mary-jane@x.test", "Your code is: marys001");
            lab.deliver("jane@x.test", &format!("Your code is: jane{number:04}"));
            assert_eq!(nth(&mut jane, 1).await, format!("jane{number:04}"), "{path}");
            assert_eq!(jane.count(), 1, "{path}");
            drop(jane);
            // Nobody waits when this one comes, and somebody does when it is found.
            lab.deliver("jane@x.test", &format!("Your code is: nobodys{number}"));
        }
        assert_eq!(office.trouble().times, 1, "{path}");
    }
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
    for known in PRESETS {
        let (lab, office) = (Lab::start().await, office());
        let _mailbox = lab.mailbox(known.layout().unwrap(), &office).await;
        let mut jane = office.open("jane@x.test").unwrap();
        let mut last = office.open("last@x.test").unwrap();
        {
            let mut world = lab.world();
            for number in 1..=450 {
                let to = match number {
                    1..=3 => "jane@x.test".to_owned(),
                    450 => "last@x.test".to_owned(),
                    _ => format!("nobody-{number}@x.test"),
                };
                world.deliver(&[&to], &format!("Your code is: c{number:07}"));
            }
            // Some part of the list once, and single mails more than once.
            let path = known.layout().unwrap().list;
            let list = path.split('?').next().unwrap().to_owned();
            world.broken.push((list, 1));
            for mail in ["/api/v1/message/1/", "/api/messages/1", "/api/v1/message/450/"] {
                world.broken.push((mail.to_owned(), 2));
            }
        }
        assert_eq!(nth(&mut last, 1).await, "c0000450", "{}", known.name);
        for number in 1..=3 {
            assert_eq!(nth(&mut jane, number).await, format!("c{number:07}"), "{}", known.name);
        }
        let (stats, trouble) = (office.stats(), office.trouble());
        assert_eq!((stats.delivered, stats.no_code), (4, 0), "{}", known.name);
        assert!(trouble.times >= 1, "{}: {trouble:?}", known.name);
        assert_eq!(trouble.last.as_deref(), Some("the mailbox answers 503"), "{}", known.name);
    }
}

#[tokio::test]
async fn a_part_of_a_list_that_fails_takes_no_mail_with_it() {
    for known in PRESETS {
        let (lab, office) = (Lab::start().await, office());
        let _mailbox = lab.mailbox(known.layout().unwrap(), &office).await;
        let mut first = office.open("user-0@x.test").unwrap();
        let mut last = office.open("user-449@x.test").unwrap();
        {
            let mut world = lab.world();
            for number in 0..450 {
                let (to, text) =
                    (format!("user-{number}@x.test"), format!("Your code is: c{number:07}"));
                world.deliver(&[&to], &text);
            }
            world.second_part_fails = true;
        }
        assert_eq!(nth(&mut first, 1).await, "c0000000", "{}", known.name);
        assert_eq!(nth(&mut last, 1).await, "c0000449", "{}", known.name);
        assert!(!lab.world().second_part_fails, "{}: it did", known.name);
        assert_eq!(office.trouble().times, 1, "{}", known.name);
    }
}

#[tokio::test]
async fn a_mail_that_is_gone_before_it_is_read_holds_nothing_up() {
    let (lab, office) = (Lab::start().await, office());
    let layout = Layout { message: Some("/nowhere/{id}".to_owned()), ..preset("mailpit") };
    let _mailbox = lab.mailbox(layout, &office).await;
    let waiter = office.open("jane@x.test").unwrap();
    lab.deliver("jane@x.test", "Your code is: jane0001");
    while office.stats().received == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!((office.stats().no_code, waiter.count()), (1, 0));
    while office.trouble().times == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(office.trouble().last.as_deref(), Some("the mailbox answers 404"));
}

#[tokio::test]
async fn a_single_mail_is_asked_for_without_marking_it_as_read() {
    let (lab, office) = (Lab::start().await, office());
    let _mailbox = lab.mailbox(preset("mailpit"), &office).await;
    let mut jane = office.open("jane@x.test").unwrap();
    lab.deliver("jane@x.test", "Your code is: jane0001");
    assert_eq!(nth(&mut jane, 1).await, "jane0001");
    let world = lab.world();
    let single = world.asked.iter().filter(|path| path.starts_with("/api/v1/message/"));
    assert_eq!(single.collect::<Vec<_>>(), ["/api/v1/message/1/raw"]);
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

#[tokio::test]
async fn a_list_that_is_too_large_is_not_read_and_the_way_out_is_told() {
    let lab = Lab::start().await;
    let office = Office::new(Clock::system());
    lab.deliver("a@x.test", &"x".repeat(33 << 20));
    let refused = start(&lab.settings(preset("maildev")), &office).await.unwrap_err();
    assert!(refused.to_string().contains("is larger than 32MiB"), "{refused}");
    assert!(refused.remedy().unwrap().contains("`http.max_reply`"), "{refused}");
}

#[tokio::test]
async fn a_list_of_more_mails_than_can_be_kept_is_refused() {
    let lab = Lab::start().await;
    let office = Office::new(Clock::system());
    for (part, number) in
        [("1,", super::http_mailbox::MOST_MAILS), ("{},", super::http_mailbox::MOST_OBJECTS)]
    {
        lab.world().page = format!("[{}1]", part.repeat(number + 1));
        let layout = Layout { list: "/page".to_owned(), ..preset("maildev") };
        let refused = start(&lab.settings(layout), &office).await.unwrap_err();
        assert!(matches!(refused, MailboxError::TooMany), "{refused}");
    }
}
