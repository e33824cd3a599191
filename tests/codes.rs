//! Codes by real mail: the stand-in sends them over SMTP, the sink hands them out.

use bytes::Bytes;
use gander::base::clock::Clock;
use gander::codes::office::Office;
use gander::codes::reach::Reach;
use gander::codes::settings::Settings;
use gander::codes::{CodeSource, Way};
use gander::standin::{Running, serve};
use gander::transport::{AllowedHost, ApiClient, Guard, Resolver, Transport};
use http::Request;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

async fn tenant(source: &CodeSource) -> Running {
    let mut settings = gander::standin::Settings::default();
    let delivery = source.delivery().expect("a sink");
    let Way::Smtp(address) = delivery.way else { panic!("{delivery:?}") };
    settings.mail.server = Some(address);
    serve(settings, Clock::system()).await.expect("a stand-in tenant")
}

fn client(tenant: &Running) -> ApiClient {
    let host: AllowedHost = tenant.ready.api_url.parse().expect("a host");
    let settings = gander::transport::Settings::default();
    Transport::new(Guard::new([host]), &settings, Resolver::System, Clock::system())
        .and_then(|transport| transport.api_client())
        .expect("a client")
}

async fn json(client: &ApiClient, request: Request<Bytes>) -> serde_json::Value {
    let reply = client.call(request).await.expect("a reply");
    assert!(reply.status().is_success(), "{}", reply.status());
    serde_json::from_slice(reply.body()).expect("a JSON body")
}

async fn token(tenant: &Running, client: &ApiClient) -> String {
    let ready = &tenant.ready;
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        ready.worker.client_id, ready.worker.client_secret
    );
    let request = Request::post(format!("{}/{}/as/token", ready.auth_url, ready.environment_id))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.into())
        .expect("a request");
    json(client, request).await["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn every_user_gets_the_code_that_the_tenant_sent_to_them() {
    let office = Office::new(Clock::system());
    let settings = Settings::default();
    let source = CodeSource::start(&settings, &office, &Clock::system(), &Reach::default())
        .await
        .expect("a sink");
    let tenant = tenant(&source).await;
    let client = client(&tenant);
    let token = token(&tenant, &client).await;
    let users = (0..100).map(|index| {
        let (office, client) = (office.clone(), client.clone());
        let address = format!("gander-r1-0-{index}@load.example.com");
        let body = serde_json::json!({
            "username": address,
            "email": address,
            "lifecycle": { "status": "VERIFICATION_REQUIRED" },
        });
        let ready = &tenant.ready;
        let url = format!("{}/v1/environments/{}/users", ready.api_url, ready.environment_id);
        let request = Request::post(url)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string().into())
            .expect("a request");
        tokio::spawn(async move {
            let mut waiter = office.open(&address).expect("an address of its own");
            let user = json(&client, request).await;
            let (code, _) = waiter.nth(1, SOON).await.expect("a code");
            (user["id"].as_str().expect("an id").to_owned(), code)
        })
    });
    for user in users.collect::<Vec<_>>() {
        let (id, code) = user.await.expect("no panic");
        let directory = tenant.tenant().directory();
        let sent = directory.get(&id).and_then(|user| user.verification.as_ref());
        assert_eq!(sent.map(|sent| sent.text.expose()), Some(code.expose()));
    }
    let stats = office.stats();
    assert_eq!((stats.received, stats.delivered), (100, 100), "{stats:?}");
    tenant.stop().await;
}
