//! A stand-in tenant in the test's own process, so that its record can be read after a run.

use crate::lab::Lab;
use gander::base::clock::Clock;
use gander::base::document::{Problems, Section, Table};
use gander::standin::directory::Directory;
use gander::standin::{self, Ready, Running, Settings};
use serde_json::Value;
use std::ops::DerefMut;

/// A running tenant and the runtime that it runs on.
pub(crate) struct Tenant {
    running: Option<Running>,
    runtime: tokio::runtime::Runtime,
}

impl Tenant {
    /// Starts one with settings in TOML.
    pub(crate) fn start(settings: &str) -> Self {
        let table = Table::parse("stand-in", settings).expect("settings in TOML");
        let problems = Problems::default();
        let mut section = Section::document(&table, &problems);
        let settings = Settings::read(&mut section);
        section.finish();
        assert!(problems.is_empty(), "{problems:?}");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let running = runtime
            .block_on(standin::serve(settings, Clock::system()))
            .expect("a tenant that listens");
        Self { running: Some(running), runtime }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("a running tenant")
    }

    /// Where it really listens, whatever its links say.
    pub(crate) fn listens_at(&self) -> String {
        self.running().address.to_string()
    }

    /// The `[tenant]` table that names it. The worker's secret is in the environment.
    pub(crate) fn profile(&self) -> String {
        let ready = &self.running().ready;
        format!(
            "[tenant]\nauth_url = \"{0}\"\napi_url = \"{0}\"\nenvironment_id = \"{1}\"\nclient_id = \"{2}\"\n\
             redirect_uri = \"{3}\"\n[tenant.worker]\nclient_id = \"{4}\"\nclient_secret = \"${{WORKER_SECRET}}\"\n\
             rate = \"5000/s\"\n[accounts]\nsource = \"provision\"\n",
            ready.auth_url,
            ready.environment_id,
            ready.client_id,
            ready.redirect_uri,
            ready.worker.client_id
        )
    }

    /// What a client has to know.
    pub(crate) fn ready(&self) -> &Ready {
        &self.running().ready
    }

    /// Who there is.
    pub(crate) fn directory(&self) -> impl DerefMut<Target = Directory> + '_ {
        self.running().tenant().directory()
    }

    pub(crate) fn worker_secret(&self) -> &str {
        &self.running().ready.worker.client_secret
    }

    /// Runs gander against it.
    pub(crate) fn gander(&self, lab: &Lab, arguments: &[&str]) -> crate::lab::Ended {
        let mut command = lab.command(arguments);
        command.env("WORKER_SECRET", self.worker_secret());
        crate::lab::Ended::of(command.output().expect("a binary that starts"))
    }

    /// What it counted.
    pub(crate) fn truth(&self) -> Value {
        let url = format!("http://{}/stand-in/truth", self.listens_at());
        self.runtime.block_on(async {
            let reply = reqwest::get(url).await.expect("a reply");
            serde_json::from_slice(&reply.bytes().await.expect("a body")).expect("JSON")
        })
    }

    /// Every call that it recorded.
    pub(crate) fn calls(&self) -> Vec<Value> {
        let url = format!("http://{}/stand-in/calls", self.listens_at());
        let mut calls = Vec::new();
        let mut since = 0;
        loop {
            let page: Value = self.runtime.block_on(async {
                let reply = reqwest::get(format!("{url}?since={since}")).await.expect("a reply");
                serde_json::from_slice(&reply.bytes().await.expect("a body")).expect("JSON")
            });
            calls.extend(page["calls"].as_array().expect("a list of calls").iter().cloned());
            if page["more"] != true {
                assert_eq!(page["not_kept"], 0, "the record was too small");
                return calls;
            }
            since = page["last"].as_u64().expect("a number");
        }
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}
