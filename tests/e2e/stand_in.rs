//! `gander stand-in` as a process of its own: its settings file, and the file that says it is ready.

use crate::lab::{Ended, Lab};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Ends the stand-in with the test, however that ends.
pub(crate) struct Served(pub(crate) Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const SETTINGS: &str = "listen = \"127.0.0.1:0\"\nsigning = \"ES256\"\n[davinci_application]\napi_key = \"${API_KEY}\"\n";

#[test]
fn the_settings_file_says_where_to_listen_and_takes_secrets_from_the_environment() {
    let lab = Lab::new();
    let config = lab.file("stand-in.toml", SETTINGS);
    let ready = lab.file("ready.json", "");
    fs::set_permissions(lab.path(&ready), Permissions::from_mode(0o644)).expect("a mode");
    let child = lab
        .command(&["stand-in", "--config", &config, "--ready", &ready])
        .env("API_KEY", "the-key")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a binary that starts");
    let _served = Served(child);
    let said = loop {
        let text = fs::read_to_string(lab.path(&ready)).expect("a file");
        if text.ends_with('\n') {
            break text;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["api_key"], "the-key");
    assert!(!said["auth_url"].as_str().expect("an address").ends_with(":8910"), "{said}");
    let mode = fs::metadata(lab.path(&ready)).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may read what was readable for them before");
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    let lab = Lab::new();
    let config = lab.file("stand-in.toml", SETTINGS);
    let output = lab.command(&["stand-in", "--config", &config]).output();
    let ended = Ended::of(output.expect("a binary that starts"));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(ended.stderr.contains("`API_KEY` is not set"), "{}", ended.stderr);
}
