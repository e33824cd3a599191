//! A sequence of replies to one walk.

#![no_main]

use gander_fuzz::davinci::form::Client;
use gander_fuzz::{play, replies, started};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut walk = started(Client::JavaScript);
    for reply in replies(bytes).take(8) {
        play(&mut walk, &reply);
    }
});
