//! The ways to a server: through a proxy, from chosen addresses, by fixed names; and that none of
//! them leads past the guard.

use super::fault::TransportFault;
use super::guard::AllowedHost;
use super::guard::Guard;
use super::lab::Act;
use super::lab::Lab;
use super::lab::reply;
use super::lab_http2::Answer;
use super::lab_http2::Lab2;
use super::lab_http2::Papers;
use super::lab_http2::Setup;
use super::lab_proxy::LabProxy;
use super::lab_proxy::Manner;
use super::proxy::Proxy;
use super::resolve::FixedNames;
use super::resolve::Resolve;
use super::resolve::Resolver;
use super::session::Transport;
use super::settings::Connections;
use super::settings::Settings;
use super::settings::Version;
use crate::base::clock::Clock;
use crate::base::document::Problems;
use crate::base::document::Section;
use crate::base::document::Table;
use crate::base::names::RunId;
use crate::base::remedy::Remedy;
use bytes::Bytes;
use http::Request;
use std::net::IpAddr;
use std::time::Duration;

/// A proxy as a profile names it, with what stands there taken from outside the document.
fn proxy(url: &str) -> Proxy {
    let mut table = Table::parse("p.toml", "proxy = \"x\"").unwrap();
    let problems = Problems::default();
    table.fill_in(&problems, &|_| Ok(Some(url.to_owned())));
    let proxy = Proxy::take(&mut Section::document(&table, &problems));
    assert!(problems.is_empty(), "{problems:?}");
    proxy.unwrap()
}

fn through(url: &str) -> Settings {
    Settings { proxy: Some(proxy(url)), ..Settings::default() }
}

fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

/// What a user's exchange and a call of the other client come to: `fine` or a slug.
async fn both(transport: &Transport, url: &str) -> [String; 2] {
    let shown = |came: Result<http::Response<Bytes>, TransportFault>| match came {
        Ok(reply) => String::from_utf8(reply.into_body().to_vec()).unwrap(),
        Err(fault) => {
            let text = format!("{fault} {fault:?} {:?}", fault.remedy());
            assert!(!text.contains("hidden"), "{text}");
            fault.slug().to_owned()
        }
    };
    let exchange = transport.session().exchange(get(url)).await;
    assert!(!format!("{exchange:?}").contains("hidden"));
    let call = transport.api_client().unwrap().call(get(url)).await;
    [shown(exchange.reply), shown(call)]
}

#[tokio::test]
async fn a_proxy_carries_plain_calls_as_links_and_tls_through_a_way_of_its_own() {
    let papers = Papers::new(false);
    let plain = Lab::saying(|| Act::Say(reply("200 OK", "", "fine"))).await;
    let secure = papers.lab(&["h2", "http/1.1"], |_| Answer::Say("fine")).await;
    let asks = Manner::Asks("proxy-authorization: Basic bWU6aGlkZGVuIQ==");
    let way = LabProxy::start(asks).await;
    for (url, first_line) in [
        (plain.url("/a?b"), format!("GET {} HTTP/1.1", plain.url("/a?b"))),
        (secure.url("/a?b"), format!("CONNECT {} HTTP/1.1", secure.address)),
    ] {
        let before = way.heads().len();
        let settings = Settings {
            ca_file: papers.settings.ca_file.clone(),
            ..through(&format!("http://me:hidden%21@{}", way.address))
        };
        let transport = super::lab::transport(&[&url], &settings, Resolver::System);
        assert_eq!(both(&transport, &url).await, ["fine", "fine"]);
        for head in &way.heads()[before..] {
            assert!(head.starts_with(&first_line), "{head}");
        }
        assert_eq!(way.heads().len(), before + 2);
    }
    let head = &way.heads()[2];
    assert!(head.to_lowercase().contains("user-agent: gander/"), "{head}");
    // What is between proxy and client is not passed on inside the way.
    let inside = &secure.seen().asked[0];
    assert!(!inside.head.contains("proxy-authorization"), "{}", inside.head);
    assert!(inside.head.starts_with("GET https://"), "{}", inside.head);
}

#[tokio::test]
async fn http_2_without_tls_goes_through_a_way_too() {
    let lab = Lab2::start(Setup::default(), |_| Answer::Say("fine")).await;
    let way = LabProxy::start(Manner::Open).await;
    let settings =
        Settings { version: Version::Two, ..through(&format!("http://{}", way.address)) };
    let exchange = lab.transport(&settings).session().exchange(lab.get("/")).await;
    assert_eq!(exchange.reply.unwrap().version(), http::Version::HTTP_2);
    assert!(way.heads()[0].starts_with("CONNECT "));
    assert!(exchange.timing.connect.unwrap().tls.is_none());
}

#[tokio::test]
async fn a_proxy_that_does_not_let_through_is_named_with_its_status() {
    let papers = Papers::new(false);
    let secure = papers.lab(&["http/1.1"], |_| Answer::Say("fine")).await;
    let plain = Lab::saying(|| Act::Say(reply("200 OK", "", "fine"))).await;
    let forbidden = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://evil.example/\r\ncontent-length: 0\r\n\r\n";
    for (manner, expected) in [
        (Manner::Says(forbidden), "proxy-refused"),
        (Manner::Says(moved), "proxy-refused"),
        (Manner::Asks("proxy-authorization: Basic other"), "proxy-refused"),
        (Manner::Says("SSH-2.0-OpenSSH_9.9\r\n\r\n"), "malformed-reply"),
        (Manner::Says(""), "connect-refused"),
    ] {
        let way = LabProxy::start(manner).await;
        let ca_file = papers.settings.ca_file.clone();
        let settings =
            Settings { ca_file, ..through(&format!("http://me:hidden@{}", way.address)) };
        let transport = secure.transport(&settings);
        let came = transport.session().exchange(secure.get("/")).await.reply.unwrap_err();
        assert_eq!(came.slug(), expected, "{came}");
        assert!(!format!("{came} {came:?}").contains("hidden"));
        // reqwest does not say what the proxy answered.
        let api = transport.api_client().unwrap().call(secure.get("/")).await.unwrap_err();
        assert_eq!(api.slug(), "connect-refused", "{api:?}");
        assert!(api.to_string().contains(&format!("the proxy {}", way.address)), "{api}");
    }
    let way = LabProxy::start(Manner::Asks("proxy-authorization: Basic other")).await;
    let transport = plain.transport(&through(&format!("http://{}", way.address)));
    assert_eq!(both(&transport, &plain.url("/")).await, ["proxy-refused", "proxy-refused"]);
    assert_eq!(plain.accepted() + secure.seen().accepted, 0);
    let fault = transport.session().exchange(plain.get("/")).await.reply.unwrap_err();
    assert!(fault.remedy().unwrap().contains("http.proxy"));
}

#[tokio::test]
async fn no_proxy_and_no_fixed_name_leads_past_the_guard() {
    let lab = Lab::saying(|| Act::Say(reply("200 OK", "", "fine"))).await;
    let way = LabProxy::start(Manner::Open).await;
    let (here, port) = (format!("http://{}", way.address), lab.address.port());
    let own = lab.url("/");
    let named = |name: &str| format!("http://{name}:{port}/");
    let away: IpAddr = [192, 0, 2, 1].into();
    let loopback: IpAddr = [127, 0, 0, 1].into();
    for (link, proxy, expected) in [
        (own.clone(), here.clone(), "fine"),
        // What the proxy would resolve, and what lies elsewhere whoever resolves it.
        (named("localhost"), here.clone(), "not-acknowledged"),
        (named("tenant.localhost"), here.clone(), "not-acknowledged"),
        (named("auth.example.com"), here.clone(), "not-acknowledged"),
        ("https://auth.example.com/".to_owned(), here.clone(), "not-acknowledged"),
        ("http://192.0.2.1/".to_owned(), here.clone(), "not-acknowledged"),
        ("http://0.0.0.0/".to_owned(), here.clone(), "not-acknowledged"),
        // The proxy itself elsewhere.
        (own.clone(), "http://192.0.2.1:3128".to_owned(), "not-acknowledged"),
        (own.clone(), "http://proxy.example.com:3128".to_owned(), "not-acknowledged"),
        (own.clone(), "http://bad.localhost:3128".to_owned(), "not-acknowledged"),
        (own.clone(), "http://[64:ff9b::7f00:1]:3128".to_owned(), "not-acknowledged"),
        (own.clone(), "http://0.0.0.0:3128".to_owned(), "not-acknowledged"),
        (own.clone(), format!("http://way.localhost:{}", way.address.port()), "fine"),
    ] {
        let before = way.heads().len();
        let table = [
            ("auth.example.com", loopback),
            ("tenant.localhost", loopback),
            ("way.localhost", loopback),
            ("bad.localhost", away),
            ("proxy.example.com", loopback),
        ];
        let names = FixedNames::new(table);
        let transport =
            super::lab::transport(&[&link], &through(&proxy), Resolver::Fixed(names.clone()));
        let context = format!("{link} through {proxy}");
        assert_eq!(both(&transport, &link).await, [expected, expected], "{context}");
        if expected != "fine" {
            assert!(names.dialled().is_empty(), "{context}: {:?}", names.dialled());
            assert_eq!(way.heads().len(), before, "{context}");
            assert!(names.asked().iter().all(|name| name == "bad.localhost"), "{context}");
        }
    }
    // A link elsewhere is not followed through a proxy either.
    let transport = super::lab::transport(&[&own], &through(&here), Resolver::System);
    let foreign = ["foreign-link"; 2];
    assert_eq!(both(&transport, "http://127.0.0.1:1/").await, foreign);
    for (name, address, expected) in [
        ("auth.example.com", "127.0.0.1", "not-acknowledged"),
        ("bad.localhost", "192.0.2.1", "not-acknowledged"),
        ("here.localhost", "127.0.0.1", "fine"),
    ] {
        let table = [(name.to_owned(), address.parse().unwrap())].into();
        let settings = Settings { resolve: Resolve::Fixed(table), ..Settings::default() };
        let names = FixedNames::new([]);
        let link = named(name);
        let transport = super::lab::transport(&[&link], &settings, Resolver::Fixed(names.clone()));
        assert_eq!(both(&transport, &link).await, [expected; 2], "{link}");
        assert!(names.asked().is_empty(), "{link}");
        assert_eq!(names.dialled().is_empty(), expected != "fine", "{link}");
    }
}

#[tokio::test]
async fn with_an_acknowledgement_the_proxy_gets_the_name_and_nothing_is_resolved_here() {
    let way = LabProxy::start(Manner::Says("HTTP/1.1 502 Bad Gateway\r\n\r\n")).await;
    let link = "https://auth.example.com/";
    let guard = Guard::new(AllowedHost::of(&link.parse().unwrap())).acknowledged();
    let names = FixedNames::new([]);
    let settings = through(&format!("http://{}", way.address));
    let resolver = Resolver::Fixed(names.clone());
    let transport = Transport::new(guard, &settings, resolver, Clock::system()).unwrap();
    transport.session().exchange(get(link)).await.reply.unwrap_err();
    transport.api_client().unwrap().call(get(link)).await.unwrap_err();
    for head in way.heads() {
        assert!(head.starts_with("CONNECT auth.example.com:443 HTTP/1.1\r\n"), "{head}");
    }
    assert_eq!(way.heads().len(), 2);
    assert!(names.asked().is_empty());
    assert!(names.dialled().iter().all(|dialled| *dialled == way.address));
}

#[tokio::test]
async fn a_proxied_connection_is_timed_in_its_parts() {
    let papers = Papers::new(false);
    let lab = papers.lab(&["h2"], |_| Answer::Say("fine")).await;
    let way = LabProxy::start(Manner::Open).await;
    let ca_file = papers.settings.ca_file.clone();
    let settings = Settings { ca_file, ..through(&format!("http://{}", way.address)) };
    let time = lab.transport(&settings).session().exchange(lab.get("/")).await.timing;
    let connect = time.connect.unwrap();
    assert!(connect.tcp > Duration::ZERO && connect.tls.unwrap() > Duration::ZERO);
    assert!(connect.total() <= time.sent.unwrap() - time.began);
}

#[tokio::test]
async fn connections_go_out_from_the_local_addresses_in_turn() {
    let lab = Lab2::start(Setup::default(), |_| Answer::Say("fine")).await;
    let addresses: Vec<IpAddr> = (2..5).map(|last| [127, 0, 0, last].into()).collect();
    let settings = Settings {
        local_addresses: addresses.clone(),
        version: Version::Two,
        connections: Some(Connections::PerIteration),
        ..Settings::default()
    };
    let mut session = lab.transport(&settings).session();
    for _ in 0..6 {
        assert!(session.exchange(lab.get("/")).await.reply.is_ok());
        session.next_iteration();
    }
    let from: Vec<IpAddr> = lab.seen().peers.iter().map(|peer| peer.ip()).collect();
    assert_eq!(from, [&addresses[..], &addresses].concat());
}

#[tokio::test]
async fn a_name_that_was_asked_for_may_be_kept_or_given() {
    let lab = Lab::saying(|| Act::Say(reply("200 OK", "", "fine"))).await;
    let link = format!("http://tenant.localhost:{}/", lab.address.port());
    for (resolve, asked) in [
        (Resolve::Every(Duration::ZERO), 3),
        (Resolve::Pinned, 1),
        (Resolve::Fixed([("tenant.localhost".to_owned(), [127, 0, 0, 1].into())].into()), 0),
    ] {
        let names = FixedNames::new([("tenant.localhost", [127, 0, 0, 1].into())]);
        let settings = Settings {
            resolve,
            connections: Some(Connections::PerIteration),
            ..Settings::default()
        };
        let resolver = Resolver::Fixed(names.clone());
        let transport = super::lab::transport(&[&link], &settings, resolver);
        let mut session = transport.session();
        for _ in 0..3 {
            assert!(session.exchange(get(&link)).await.reply.is_ok());
            session.next_iteration();
        }
        assert_eq!(names.asked().len(), asked, "{:?}", settings.resolve);
        assert!(names.dialled().iter().all(|dialled| *dialled == lab.address));
    }
}

#[tokio::test]
async fn every_request_of_a_run_carries_its_id_and_a_name_of_the_client() {
    for (header, expected) in [(Some("x-gander-run"), "x-gander-run: r1"), (None, "")] {
        let lab = Lab::saying(|| Act::Say(reply("200 OK", "", "fine"))).await;
        let settings = Settings {
            user_agent: "mine/1".to_owned(),
            run_header: header.map(http::HeaderName::from_static),
            ..Settings::default()
        };
        let transport = lab.transport(&settings).of_run(&RunId::from("r1"));
        both(&transport, &lab.url("/")).await;
        assert_eq!(lab.asked().len(), 2);
        for asked in lab.asked() {
            let text = asked.text.to_lowercase();
            assert!(text.contains("user-agent: mine/1\r\n"), "{text}");
            let id = text.lines().find(|line| line.contains("r1")).unwrap_or_default();
            assert_eq!(id, expected);
        }
        // None where there is no run.
        lab.transport(&settings).session().exchange(lab.get("/")).await.reply.unwrap();
        assert!(!lab.asked()[2].text.contains("r1"));
    }
}

#[test]
fn a_proxy_shows_where_it_is_and_never_who_we_are() {
    let read = |text: &str| {
        let table = Table::parse("p.toml", &format!("proxy = '{text}'")).unwrap();
        let problems = Problems::default();
        let proxy = Proxy::take(&mut Section::document(&table, &problems));
        let said: Vec<_> = problems
            .into_sorted()
            .into_iter()
            .map(|problem| {
                format!(
                    "{}: {} ({})",
                    problem.place.unwrap(),
                    problem.what,
                    problem.remedy.unwrap()
                )
            })
            .collect();
        (proxy, said.join("\n"))
    };
    let known = proxy("http://me:hidden@Proxy.example.com.:3128/");
    assert_eq!(format!("{known}"), "proxy.example.com:3128");
    assert!(!format!("{known:?}").contains("hidden"));
    assert_eq!(proxy("http://p.example").to_string(), "p.example:80");
    assert_eq!(proxy("http://[::1]:3128").to_string(), "[::1]:3128");
    assert!(read("http://p.example:3128").0.is_some());
    let problems: Vec<_> = [
        "http://me:hidden@p.example:3128",
        "http://hidden@p.example:3128",
        "http://hidden:@p.example:3128",
        "https://p.example:3128",
        "p.example:3128",
        "hidden",
        "http://p.example:3128/hidden",
        "http://p.example:hidden",
        "http://",
    ]
    .map(|text| read(text).1)
    .into();
    let problems = problems.join("\n");
    assert!(!problems.contains("hidden"), "{problems}");
    insta::assert_snapshot!(problems, @r"
    p.toml:1:9: `proxy` holds a user name or password, which may not stand in the document (name where it is kept: `${NAME}`, `${file:PATH}` or `${cmd:COMMAND}`)
    p.toml:1:9: `proxy` holds a user name or password, which may not stand in the document (name where it is kept: `${NAME}`, `${file:PATH}` or `${cmd:COMMAND}`)
    p.toml:1:9: `proxy` holds a user name or password, which may not stand in the document (name where it is kept: `${NAME}`, `${file:PATH}` or `${cmd:COMMAND}`)
    p.toml:1:9: `proxy` is not an `http://` address (give the address at which the proxy takes CONNECT over plain HTTP)
    p.toml:1:9: `proxy` is not an `http://` address (give the address at which the proxy takes CONNECT over plain HTTP)
    p.toml:1:9: `proxy` is not the address of a proxy (write `http://host:port`, or with a password `http://user:${PROXY_PASSWORD}@host:port`, with `%2F` for a `/` in it)
    p.toml:1:9: `proxy` has more than host and port (write `http://host:port`, or with a password `http://user:${PROXY_PASSWORD}@host:port`, with `%2F` for a `/` in it)
    p.toml:1:9: `proxy` is not the address of a proxy (write `http://host:port`, or with a password `http://user:${PROXY_PASSWORD}@host:port`, with `%2F` for a `/` in it)
    p.toml:1:9: `proxy` is not the address of a proxy (write `http://host:port`, or with a password `http://user:${PROXY_PASSWORD}@host:port`, with `%2F` for a `/` in it)
    ");
}
