//! What a mistake in gander says when it ends an iteration or a command: where it happened, and
//! nothing that could be somebody's secret.

use crate::base::secret::STRUCK_OUT;
use std::any::Any;
use std::io::Write;
use std::panic::{self, PanicHookInfo};

/// Messages of the standard library in which only numbers follow.
const NUMBERS_ONLY: &[&str] =
    &["index out of bounds: ", "range end index ", "range start index ", "slice index starts at "];

/// How messages of the standard library begin. Behind them stands what may be taken from data, but for the
/// numbers of [`NUMBERS_ONLY`]; whatever begins otherwise may be data from its first letter on.
const KNOWN: &[&str] = &[
    "assertion `left == right` failed",
    "assertion `left != right` failed",
    "called `Result::unwrap()` on an `Err` value",
    "called `Result::unwrap_err()` on an `Ok` value",
    "byte index ",
    "start byte index ",
    "end byte index ",
    "begin <= end ",
    "already borrowed",
    "already mutably borrowed",
];

/// From here on panics are told by [`told`]. A backtrace is added when `RUST_BACKTRACE` asks for it.
pub(super) fn strike() {
    panic::set_hook(Box::new(|what| {
        // Whoever closed standard error wants to read nothing.
        let _ = writeln!(std::io::stderr().lock(), "{}", told(what));
    }));
}

/// Thread, place and message of a panic. What was formatted into the message may be a password that
/// could not be cut where it should have been, so only what the standard library begins it with is told.
pub(super) fn told(what: &PanicHookInfo<'_>) -> String {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("without a name").to_owned();
    let place = what.location().map_or_else(String::new, |place| format!(" at {place}"));
    let backtrace = std::backtrace::Backtrace::capture();
    let backtrace = match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
        _ => String::new(),
    };
    format!(
        "gander made a mistake: thread `{thread}` panicked{place}: {}{backtrace}",
        message(what.payload())
    )
}

fn message(payload: &(dyn Any + Send)) -> String {
    // A text of the program itself: nothing was put into it.
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return (*text).to_owned();
    }
    let Some(text) = payload.downcast_ref::<String>() else { return STRUCK_OUT.to_owned() };
    if let Some(start) = NUMBERS_ONLY.iter().find(|start| text.starts_with(**start)) {
        let is_plain = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase() || c == ' ';
        if text[start.len()..].chars().all(is_plain) {
            return text.clone();
        }
    }
    let start = KNOWN.iter().chain(NUMBERS_ONLY).find(|start| text.starts_with(**start));
    start.map_or_else(|| STRUCK_OUT.to_owned(), |start| format!("{}: {STRUCK_OUT}", trimmed(start)))
}

fn trimmed(start: &str) -> &str {
    start.trim_end_matches([' ', ':'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_message_is_told_as_far_as_no_data_can_be_in_it() {
        let of = |text: &str| message(&text.to_owned());
        for (text, told) in [
            (
                "index out of bounds: the len is 3 but the index is 5",
                "index out of bounds: the len is 3 but the index is 5",
            ),
            (
                "called `Result::unwrap()` on an `Err` value: Error(\"hidden\")",
                "called `Result::unwrap()` on an `Err` value: ***",
            ),
            (
                "byte index 3 is not a char boundary; it is inside 'é' (bytes 2..4) of `hidden`",
                "byte index: ***",
            ),
            (
                "assertion `left == right` failed: hidden\n  left: \"hidden\"\n right: 1",
                "assertion `left == right` failed: ***",
            ),
            ("no way to read: hidden", "***"),
            ("no way to read: hidden (x)", "***"),
            ("hidden: no such user", "***"),
            ("hidden is {\"a\": 1}", "***"),
            ("hidden", "***"),
            ("index out of bounds: Hidden", "index out of bounds: ***"),
        ] {
            assert_eq!(of(text), told);
        }
        let fixed: Box<dyn Any + Send> = Box::new("a text of the program");
        assert_eq!(message(fixed.as_ref()), "a text of the program");
        assert_eq!(message(&7_u8), "***");
    }

    #[test]
    #[ignore = "run by a_panic_over_a_secret_tells_the_place_and_not_the_secret"]
    fn child_panics_over_a_secret() {
        strike();
        let password = std::hint::black_box("Hünter2-Hünter2".to_owned());
        let _ = &password[..2];
    }

    #[test]
    fn a_panic_over_a_secret_tells_the_place_and_not_the_secret() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cli::panics::tests::child_panics_over_a_secret"])
            .args(["--ignored", "--nocapture"])
            .env("RUST_BACKTRACE", "0")
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(said.contains("src/cli/panics.rs:"), "{said}");
        assert!(!said.contains("nter2"), "{said}");
    }
}
