//! Journeys that people make: out of a browser's recording, and in the terminal. What is made runs.

#[path = "journeys/browser.rs"]
mod browser;
#[path = "journeys/import.rs"]
mod import;
#[path = "e2e/lab.rs"]
#[expect(dead_code, reason = "made for another test, which uses more of it")]
mod lab;
#[path = "journeys/leak.rs"]
mod leak;
#[path = "journeys/list.rs"]
mod list;
#[path = "journeys/record.rs"]
mod record;
#[path = "standin/support.rs"]
#[expect(dead_code, reason = "made for another test, which uses more of it")]
mod support;
