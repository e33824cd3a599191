//! A place to run the binary in: a folder of its own, an environment of its own, nothing shared.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder in which gander keeps everything it writes.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
}

/// What a command left behind.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the lab and returns its name for the command line.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a written file");
        name.to_owned()
    }

    /// A command that has not been started yet. Nothing of the person's environment reaches it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gander"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.folder.path()).env("PATH", "/usr/bin:/bin");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().expect("a binary that starts"))
    }

    /// Every file below the lab with its content.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(self.folder.path(), &mut files);
        files
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let content = std::fs::read(&path).expect("a readable file");
            files.push((path, content));
        }
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self {
            code: output.status.code().expect("an exit code"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Makes what differs from run to run the same: times, ports, ids, tokens.
pub(crate) fn steady(text: &str) -> String {
    let patterns = [
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\d+\.\d+ ms", "TIME"),
        (r"\d{8}-\d{6}-[a-z0-9]{6}", "RUN"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
        (r"\b[0-9a-f]{32}\b", "HEX32"),
        (r"\d+ B\b", "SIZE"),
        (r"givenName=\S+  familyName=\S+", "givenName=NAME  familyName=NAME"),
        (r"/tmp/\.tmp\w+", "LAB"),
    ];
    patterns.iter().fold(text.to_owned(), |text, (pattern, by)| {
        regex::Regex::new(pattern).expect("a pattern").replace_all(&text, *by).into_owned()
    })
}
