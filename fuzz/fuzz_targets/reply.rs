//! One reply, as the first of a walk and as the answer to a form, to both kinds of client.

#![no_main]

use gander_fuzz::davinci::form::Client;
use gander_fuzz::{play, reply, started};

/// A form that can be answered.
const FORM: &[u8] = br#"{"id":"n","interactionId":"i","interactionToken":"t","flowId":"f",
    "_links":{"next":{"href":"https://auth.example.com/env/davinci/connections/c/capabilities/x"}},
    "form":{"components":{"fields":[{"type":"TEXT","key":"k"},{"type":"SUBMIT_BUTTON","key":"GO"}]}}}"#;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let reply_of_fuzzer = reply(bytes);
    for client in [Client::JavaScript, Client::Mobile] {
        play(&mut started(client), &reply_of_fuzzer);
        let mut walk = started(client);
        play(&mut walk, &reply(FORM));
        play(&mut walk, &reply_of_fuzzer);
    }
});
