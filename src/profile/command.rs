//! What a command prints, for `${cmd:COMMAND}`: so much of it, and not for ever.

use crate::base::clock::Clock;
use crate::base::units::Span;
use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Most bytes that a command may print.
const MOST: u64 = 64 << 10;

/// How often it is looked whether a command that closed its output has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Runs a command by `sh -c` and returns what it printed; else what went wrong, in words that hold nothing of
/// its output. One that takes too long is killed; what it started itself may go on.
pub(super) fn output_of(command: &str, patience: Duration) -> Result<String, String> {
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("could not be started: {error}"))?;
    let printed = finish(&mut child, patience);
    if printed.is_err() {
        // It may have ended meanwhile.
        let _ = child.kill().and_then(|()| child.wait());
    }
    let (status, bytes) = printed?;
    if !status.success() {
        return Err(format!("ended with {status}"));
    }
    String::from_utf8(bytes).map_err(|_| "printed something that is not text".to_owned())
}

fn finish(child: &mut Child, patience: Duration) -> Result<(ExitStatus, Vec<u8>), String> {
    let lost = |error: io::Error| format!("could not be read: {error}");
    let clock = Clock::system();
    let began = clock.now();
    let left = || patience.saturating_sub(clock.now().duration_since(began));
    let too_slow = || format!("did not end within {}", Span(patience));
    let (sender, receiver) = mpsc::channel();
    let output = child.stdout.take();
    // A read cannot be given up; the thread ends with the output.
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = output.map(|output| output.take(MOST + 1).read_to_end(&mut bytes));
        let _ = sender.send(read.transpose().map(|_| bytes));
    });
    let bytes = receiver.recv_timeout(left()).map_err(|_| too_slow())?.map_err(lost)?;
    if bytes.len() as u64 > MOST {
        return Err(format!("printed more than {MOST} bytes"));
    }
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok((status, bytes));
        }
        if left().is_zero() {
            return Err(too_slow());
        }
        thread::sleep(LOOK_EVERY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_prints_or_waits_without_end_is_ended() {
        let run = |command| output_of(command, Duration::from_millis(300)).unwrap_err();
        assert_eq!(run("exec sleep 600"), "did not end within 300ms");
        assert_eq!(run("exec sleep 600 >&-"), "did not end within 300ms");
        let told = output_of("exec yes", Duration::from_secs(30)).unwrap_err();
        assert_eq!(told, "printed more than 65536 bytes");
    }

    #[test]
    fn what_a_command_prints_within_bounds_is_taken_whole() {
        let printed = output_of("printf '%065536d' 0", Duration::from_secs(30)).unwrap();
        assert_eq!(printed.len(), 65_536);
    }
}
