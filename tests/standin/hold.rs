//! What holds replies back, over HTTP: the queue for the servers, and stalls.

use crate::support::*;
use gander::base::clock::Clock;
use gander::standin::latency::Delay;
use gander::standin::queue::Capacity;
use gander::standin::stall::Stall;
use serde_json::json;
use std::time::Duration;

const MS: fn(u64) -> Duration = Duration::from_millis;

#[tokio::test]
async fn with_one_server_the_second_of_two_calls_waits_for_the_first() {
    let lab = Lab::on(Clock::system(), |settings| {
        settings.capacity = Some(Capacity {
            servers: 1,
            service: Delay::Constant(MS(300)),
            waiting: None,
            capability: Some("authorize".to_owned()),
            event: None,
            action: None,
        });
    })
    .await;
    let (mut one, mut other) = (lab.agent(), lab.agent());
    tokio::join!(one.start(), other.start());
    one.press("REGISTER").await;
    let calls = lab.calls().await;
    let figure = |index: usize, name: &str| calls[index][name].as_u64().unwrap();
    assert_eq!([figure(0, "queue_wait_us"), figure(0, "queue_service_us")], [0, 300_000]);
    let came = figure(1, "received_us") - figure(0, "received_us");
    // Both times are cut to whole microseconds.
    assert!((figure(1, "queue_wait_us") + came).abs_diff(300_000) <= 2, "{calls:#?}");
    assert!(figure(1, "service_us") >= 300_000 + figure(1, "queue_wait_us"));
    assert_eq!(calls[2]["queue_wait_us"], json!(null));
    let queue = &lab.truth().await["queue"];
    assert_eq!((&queue["calls"], &queue["waited"]), (&json!(2), &json!(1)));
    assert_eq!(queue["service_sum_us"], 600_000);
}

#[tokio::test]
async fn who_finds_too_many_waiting_is_turned_away_and_occupies_no_server() {
    let lab = Lab::with(|settings| {
        settings.capacity = Some(Capacity {
            servers: 1,
            service: Delay::Constant(MS(20)),
            waiting: Some(1),
            capability: Some("authorize".to_owned()),
            event: None,
            action: None,
        });
    })
    .await;
    let start = async || lab.agent().start().await.status;
    // The clock stands still: one is served, one waits, and there is no room for others.
    assert_eq!([start().await, start().await, start().await, start().await], [200, 200, 503, 503]);
    lab.clock.advance(MS(20));
    assert_eq!([start().await, start().await], [200, 503]);
    let truth = lab.truth().await;
    assert_eq!(truth["queue"]["calls"], 3, "{truth:#}");
    let calls = lab.calls().await;
    assert_eq!(
        (&calls[2]["fault"], &calls[2]["queue_wait_us"]),
        (&json!("http-503-html"), &json!(null))
    );
}

#[tokio::test]
async fn a_call_that_comes_in_a_stall_is_answered_at_its_end() {
    let lab = Lab::on(Clock::system(), |settings| {
        settings.stalls = vec![Stall { at: MS(0), lasts: MS(200) }];
    })
    .await;
    let mut agent = lab.agent();
    agent.start().await;
    agent.press("REGISTER").await;
    let calls = lab.calls().await;
    let figure = |index: usize, name: &str| calls[index][name].as_u64().unwrap();
    assert!(figure(0, "service_us") >= 200_000, "{calls:#?}");
    assert!(figure(0, "asked_us") <= 200_000, "{calls:#?}");
    assert_eq!(figure(1, "asked_us"), 0, "{calls:#?}");
}
