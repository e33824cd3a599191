//! Plain Goose: `user.request` for each step, its own metrics as by default, one transaction per
//! chain. Each user has a client of its own, as by default, or all share one (`shared`).

use gander_peers::{AUTHORIZE, Arguments, HEADERS, Reply};
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::prelude::*;

#[tokio::main]
async fn main() -> Result<(), GooseError> {
    let arguments = Arguments::read();
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(arguments.origin.clone());
    configuration.users = Some(arguments.users);
    configuration.increase_rate = Some("1000000".to_owned());
    let per_user = arguments.iterations / arguments.users as u64;
    configuration.iterations = Some(usize::try_from(per_user).expect("a number"));
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration.quiet = 2;
    let mut attack = GooseAttack::initialize_with_config(configuration)?;
    if arguments.say("shared") {
        let client = GooseClientBuilder::new().without_cookies();
        attack = attack.set_client_builder_without_cookies(client)?;
    }
    let attack =
        attack.register_scenario(scenario!("chain").register_transaction(transaction!(chain)));
    let metrics = attack.execute().await?;
    let (good, bad) = metrics.requests.values().fold((0, 0), |(good, bad), request| {
        (good + request.success_count, bad + request.fail_count)
    });
    println!("{good} {bad}");
    Ok(())
}

async fn chain(user: &mut GooseUser) -> TransactionResult {
    let mut path = AUTHORIZE.to_owned();
    let mut before: Option<Reply> = None;
    loop {
        let method = if before.is_some() { GooseMethod::Post } else { GooseMethod::Get };
        let mut builder = user.get_request_builder(&method, &path)?;
        for (name, value) in HEADERS {
            builder = builder.header(name, value);
        }
        if let Some(reply) = &before {
            builder = builder
                .header("content-type", "application/json")
                .header("interactionid", &reply.interaction_id)
                .header("interactiontoken", &reply.interaction_token)
                .header("cookie", reply.cookies())
                .body(reply.answer());
        }
        let name = path.split('?').next().unwrap_or_default();
        let request = GooseRequest::builder()
            .method(method)
            .path(path.as_str())
            .name(name)
            .set_request_builder(builder)
            .build();
        let answered = user.request(request).await?;
        let body = answered.response?.bytes().await?;
        let reply: Reply = serde_json::from_slice(&body).expect("a reply");
        let Some(next) = reply.next() else { return Ok(()) };
        path = next.to_owned();
        before = Some(reply);
    }
}
