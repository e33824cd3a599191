//! How the page of a run in progress is drawn: by the report's own hand.

use crate::report::page::{LiveChrome, SCRIPT, live_document, sections};
use crate::result::dossier::Dossier;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a dossier becomes a page.
#[derive(Clone, Copy, Debug)]
pub struct Brush {
    /// The whole page; the number is that of the state it shows.
    pub document: fn(&Dossier, &Paths, u64) -> String,
    /// Its sections by the ids of their elements.
    pub sections: fn(&Dossier) -> Vec<(&'static str, String)>,
}

/// Where a page's script finds the rest. The token is in both.
#[derive(Clone, Debug)]
pub struct Paths {
    /// Server-sent events; the number of the state that is shown follows.
    pub events: String,
    /// A POST there stops the run.
    pub stop: String,
}

/// The report.
pub const REPORT: Brush = Brush { document: report, sections: sections_of };

fn report(dossier: &Dossier, paths: &Paths, number: u64) -> String {
    let chrome = LiveChrome {
        events_path: format!("{}{number}", paths.events),
        stop_path: paths.stop.clone(),
    };
    live_document(dossier, &chrome)
}

fn sections_of(dossier: &Dossier) -> Vec<(&'static str, String)> {
    sections(dossier).into_iter().map(|section| (section.id, section.html)).collect()
}

/// What a browser lets the page do: run its one script, which is known by its digest, and talk to
/// the server it came from. Whatever a tenant may have smuggled into a name is not run.
pub fn policy() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, SCRIPT.as_bytes());
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'unsafe-inline'; img-src data:; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        STANDARD.encode(digest.as_ref())
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::course::Course;
    use crate::measure::tally::Tally;
    use crate::run::summarise::summarise;

    #[test]
    fn the_page_has_the_one_script_that_the_policy_allows_and_its_paths() {
        let record: crate::result::run_dir::RunRecord = serde_json::from_value(serde_json::json!({
            "schema_version": 1, "gander_version": "0.1.0", "run_id": "r1",
            "started_at": "2026-11-21T18:34:41.000Z", "started_unix_ms": 0,
            "ended_at": null, "interrupted": false, "seed": "1",
            "workload_model": "closed", "planned_ms": null, "reply_timeout_ms": 30_000,
            "thresholds": [], "host": { "name": "", "system": "", "cores": 2 },
            "tenant_hosts": [], "flows": [], "plan": {},
        }))
        .unwrap();
        let tally = Tally::default();
        let dossier = Dossier {
            summary: summarise(&record, &tally, None, None),
            record,
            tally,
            course: Course::default(),
            exemplars: Vec::new(),
            failing: Vec::new(),
            is_running: true,
        };
        let paths = Paths { events: "/events?since=".to_owned(), stop: "/stop?token=t".to_owned() };
        let page = (REPORT.document)(&dossier, &paths, 7);
        assert!(page.contains("\"/events?since=7\"") && page.contains("\"/stop?token=t\""));
        let scripts: Vec<_> = page.split("<script>").skip(1).collect();
        assert_eq!(scripts.len(), 1);
        assert_eq!(scripts[0].split("</script>").next(), Some(SCRIPT));
        for (id, html) in (REPORT.sections)(&dossier) {
            assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
            assert!(page.contains(&html), "{id}");
        }
        assert!(policy().contains("script-src 'sha256-") && !policy().contains('\n'));
    }
}
