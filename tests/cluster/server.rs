//! A NATS server of the test's own, on a free port and with a folder of its own.

use crate::namespaces::Place;
use gander::cluster::server::{Access, Credentials};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program, where Debian puts it.
const PROGRAM: &str = "/usr/sbin/nats-server";

/// A server that ends with the test.
pub(crate) struct NatsServer {
    folder: tempfile::TempDir,
    child: Option<Child>,
    port: u16,
    config: String,
    place: Option<Place>,
}

impl NatsServer {
    /// One that lets everybody in.
    pub(crate) fn start() -> Self {
        Self::configured("jetstream { store_dir: STORE }\n")
    }

    /// One with this configuration, in which `STORE` and `FOLDER` are folders of its own.
    pub(crate) fn configured(config: &str) -> Self {
        Self::configured_in(tempfile::tempdir().expect("a temporary folder"), config)
    }

    /// The same in a folder that is there already, for files that the configuration names.
    pub(crate) fn configured_in(folder: tempfile::TempDir, config: &str) -> Self {
        Self::placed(None, folder, config)
    }

    /// The same on a machine of a network of the test's own.
    pub(crate) fn placed(place: Option<Place>, folder: tempfile::TempDir, config: &str) -> Self {
        let mut server = Self { folder, child: None, port: 0, config: config.to_owned(), place };
        server.go("-1");
        server
    }

    fn go(&mut self, port: &str) {
        let path = self.folder.path();
        let of = |name: &str| path.join(name).display().to_string();
        let quoted = |text: String| format!("\"{text}\"");
        let config = self.config.replace("STORE", &quoted(of("store")));
        let config = config.replace("FOLDER", &path.display().to_string());
        fs::write(path.join("nats.conf"), config).expect("a written configuration");
        let ports = path.join("ports");
        let _ = fs::remove_dir_all(&ports);
        fs::create_dir(&ports).expect("a folder");
        let log = fs::File::create(path.join("log")).expect("a log");
        let mut command = Command::new(PROGRAM);
        command.args(["-a", self.address(), "-p", port, "-c", &of("nats.conf")]);
        command.args(["--ports_file_dir", &of("ports")]);
        if let Some(place) = &self.place {
            command = place.inside(&command);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("`nats-server`, which `scripts/test` installs");
        self.port = loop {
            if let Some(port) = told(&ports) {
                break port;
            }
            let ended = child.try_wait().expect("a process");
            let log = fs::read_to_string(path.join("log")).unwrap_or_default();
            assert!(ended.is_none(), "the server did not start: {log}");
            std::thread::park_timeout(Duration::from_millis(20));
        };
        self.child = Some(child);
    }

    fn address(&self) -> &str {
        self.place.as_ref().map_or("127.0.0.1", |place| &place.address)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}:{}", self.address(), self.port)
    }

    /// How one gets to it with nobody's credentials.
    pub(crate) fn access(&self) -> Access {
        self.access_as(Credentials::None)
    }

    pub(crate) fn access_as(&self, credentials: Credentials) -> Access {
        let server = self.url().parse().expect("an address");
        Access { server, credentials, authorities: None }
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Removes what it had stored, while it is not there.
    pub(crate) fn wipe(&self) {
        assert!(self.child.is_none(), "it is still at it");
        fs::remove_dir_all(self.folder.path().join("store")).expect("a removed store");
    }

    /// Starts it again where it was, with what it had stored.
    pub(crate) fn start_again(&mut self) {
        let port = self.port.to_string();
        self.go(&port);
    }

    /// Where it keeps everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The port that a server that listens has written down.
fn told(ports: &PathBuf) -> Option<u16> {
    let entry = fs::read_dir(ports).ok()?.next()?.ok()?;
    let text = fs::read_to_string(entry.path()).ok()?;
    let known: serde_json::Value = serde_json::from_str(&text).ok()?;
    let url = known["nats"][0].as_str().or_else(|| known["tls"][0].as_str())?;
    url.rsplit_once(':')?.1.parse().ok()
}
