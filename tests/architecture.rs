//! Rules about the source that no compiler checks: layers, file heads, file sizes, purity.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module and what it may use, lowest layer first. Nothing may use a module listed later.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("davinci", &["base"]),
    ("identity", &["base"]),
    ("workload", &["base"]),
    ("measure", &["base"]),
    ("standin", &["base"]),
    ("transport", &["base"]),
    ("result", &["base", "measure"]),
    ("codes", &["base", "transport"]),
    ("management", &["base", "identity", "transport"]),
    ("analysis", &["base", "measure", "result"]),
    ("journey", &["base", "davinci", "identity", "workload", "measure", "transport", "codes"]),
    ("report", &["base", "measure", "result", "analysis"]),
    ("load", &["base", "workload", "measure", "journey"]),
    (
        "profile",
        &[
            "base",
            "davinci",
            "identity",
            "workload",
            "transport",
            "codes",
            "management",
            "journey",
            "analysis",
        ],
    ),
    (
        "run",
        &[
            "base",
            "davinci",
            "identity",
            "workload",
            "measure",
            "transport",
            "codes",
            "management",
            "journey",
            "load",
            "result",
            "analysis",
            "profile",
        ],
    ),
    ("live", &["base", "measure", "transport", "result", "report", "run"]),
    ("cluster", &["base", "workload", "measure", "result", "profile", "run"]),
    (
        "cli",
        &[
            "base",
            "davinci",
            "identity",
            "workload",
            "measure",
            "standin",
            "transport",
            "result",
            "codes",
            "management",
            "analysis",
            "journey",
            "report",
            "load",
            "profile",
            "run",
            "live",
            "cluster",
        ],
    ),
];

/// Modules that compute and nothing else.
const PURE: &[&str] = &["base", "davinci", "identity", "workload", "measure", "analysis", "report"];

/// What a pure module may not name, and the one file that may.
const IMPURE: &[(&str, Option<&str>)] = &[
    ("tokio", None),
    ("reqwest", None),
    ("hyper::", None),
    ("std::net", None),
    ("std::fs", None),
    ("std::io::std", None),
    ("Instant::now", Some("src/base/clock.rs")),
    ("SystemTime::now", Some("src/base/clock.rs")),
];

/// Names that only one place may use: everything that could open a connection is made behind the
/// guard.
const RESERVED: &[(&str, &str)] = &[
    ("reqwest::", "src/transport/"),
    ("TcpStream::connect", "src/transport/"),
    ("TcpSocket", "src/transport/"),
    ("h2::client", "src/transport/"),
    ("goose::", "src/load/goose.rs"),
    ("async_nats", "src/cluster/wire.rs"),
    ("println!", "src/cli/terminal.rs"),
    ("eprintln!", "src/cli/terminal.rs"),
];

/// Who may use a reserved name all the same: the stand-in delivers mail by itself, and its settings refuse
/// every address that is not this machine's unless they are told otherwise.
const EXEMPT: &[(&str, &str)] = &[("reqwest::", "src/standin/mail_carrier.rs")];

const LONGEST_FILE: usize = 500;

struct Source {
    path: String,
    module: String,
    /// Without comments and without inline tests.
    code: Vec<String>,
    head: String,
}

fn sources(root: &Path) -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    files.sort();
    files.iter().map(|file| read(root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable source folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(root: &Path, file: &Path) -> Source {
    let text = fs::read_to_string(file).expect("a readable source file");
    let path = file.strip_prefix(root).expect("a file below the root").display().to_string();
    let module = path["src/".len()..].split(['/', '.']).next().unwrap_or_default().to_owned();
    let without_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let code = without_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    let head = text.lines().next().unwrap_or_default().to_owned();
    Source { path, module, code: code.map(str::to_owned).collect(), head }
}

/// Everything wrong with the sources below `root`, one line each.
fn violations(root: &Path) -> Vec<String> {
    let allowed: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let mut found = Vec::new();
    for source in sources(root) {
        let Source { path, module, code, head } = &source;
        if !head.starts_with("//!") {
            found.push(format!("{path} does not open with a `//!` that says what it is for"));
        }
        let length = code.iter().filter(|line| !line.trim().is_empty()).count();
        if length > LONGEST_FILE {
            found.push(format!("{path} has {length} lines of code, more than {LONGEST_FILE}"));
        }
        for (name, home) in RESERVED {
            let is_exempt = EXEMPT.contains(&(*name, path.as_str()));
            if !is_exempt && !path.starts_with(home) && code.iter().any(|line| line.contains(name))
            {
                found.push(format!("{path} names `{name}`, which only {home} may"));
            }
        }
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(uses) = allowed.get(module.as_str()) else {
            found.push(format!("{path}: module `{module}` is not in the table of layers"));
            continue;
        };
        let code = code.join("\n");
        for used in code.split("crate::").skip(1).map(first_segment) {
            if used != module && !uses.contains(&used) {
                found.push(format!("{path} uses crate::{used}; `{module}` may use {uses:?}"));
            }
        }
        if PURE.contains(&module.as_str()) {
            for (name, home) in IMPURE {
                if home.is_none_or(|home| home != path) && code.contains(name) {
                    found.push(format!(
                        "{path} names `{name}`; `{module}` computes and nothing else"
                    ));
                }
            }
        }
    }
    found
}

fn first_segment(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[test]
fn the_table_lists_lower_layers_first() {
    for (position, (module, allowed)) in LAYERS.iter().enumerate() {
        let lower: BTreeSet<_> = LAYERS[..position].iter().map(|(name, _)| *name).collect();
        assert!(
            allowed.iter().all(|name| lower.contains(name)),
            "`{module}` is listed above something it uses"
        );
    }
}

#[test]
fn the_source_keeps_the_rules() {
    let found = violations(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn planted_violations_are_found() {
    let planted = |path: &str, text: &str| {
        let root = tempfile::tempdir().expect("a temporary folder");
        let file = root.path().join(path);
        fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
        fs::write(file, text).expect("a written file");
        violations(root.path()).join("\n")
    };
    for (path, text, complaint) in [
        ("src/davinci/walk.rs", "//! A.\nuse crate::transport::Guard;\n", "uses crate::transport"),
        ("src/davinci/walk.rs", "use std::fmt;\n", "does not open with a `//!`"),
        ("src/davinci/walk.rs", "//! A.\nuse tokio::time;\n", "names `tokio`"),
        (
            "src/measure/shard.rs",
            "//! A.\nfn f() { std::fs::remove_file(\"x\"); }\n",
            "names `std::fs`",
        ),
        ("src/journey/perform.rs", "//! A.\nuse goose::prelude::*;\n", "only src/load/goose.rs"),
        ("src/codes/imap.rs", "//! A.\nlet c = reqwest::Client::new();\n", "only src/transport/"),
        ("src/cluster/agent.rs", "//! A.\nuse async_nats::Client;\n", "only src/cluster/wire.rs"),
        ("src/helpers/mod.rs", "//! A.\n", "is not in the table"),
        ("src/standin/flow.rs", "//! A.\nuse crate::davinci::form;\n", "uses crate::davinci"),
    ] {
        assert!(planted(path, text).contains(complaint), "{path}: {:?}", planted(path, text));
    }
    let long = format!("//! A.\n{}", "fn f() {}\n".repeat(LONGEST_FILE + 1));
    assert!(planted("src/base/long.rs", &long).contains("lines of code"));
    assert_eq!(planted("src/base/fine.rs", "//! A.\n// crate::cli in prose\nfn f() {}\n"), "");
}
