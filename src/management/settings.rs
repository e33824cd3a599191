//! Where the management API is, who calls it, and how often: `[tenant.worker]` of a profile.

use crate::base::document::Section;
use crate::base::secret::Secret;
use crate::base::units::Rate;
use url::Url;

/// The worker application that calls, as the profile has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Client id.
    pub client_id: String,
    /// Client secret.
    pub client_secret: Secret,
    /// Environment of the worker, where it is not the tenant's.
    pub environment_id: Option<String>,
    /// Most calls in a second, all users of the client together.
    pub rate: Rate,
}

/// Everything a management client has to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where tokens come from.
    pub auth_url: Url,
    /// Where the API is, without `/v1`.
    pub api_url: Url,
    /// Whether the paths of `auth_url` do without the environment's id.
    pub custom_domain: bool,
    /// The environment whose users are managed.
    pub environment_id: String,
    /// Who calls.
    pub worker: Worker,
}

/// Calls in a second unless the profile says otherwise: far below what a tenant allows, because
/// production shares its limits.
pub const DEFAULT_RATE: Rate = Rate { per_second: 5.0 };

impl Worker {
    /// Reads the table; none when the profile has none, or an incomplete one, which is noted.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let client_id = section.text("client_id");
        let client_secret = section.secret("client_secret");
        let environment_id = section.text("environment_id").map(|sited| sited.value);
        let rate = section.parsed::<Rate>("rate").map_or(DEFAULT_RATE, |sited| {
            if sited.value.per_second <= 0.0 {
                section.problems().note(
                    Some(&sited.place),
                    format!("`{}` allows no calls at all", section.name("rate")),
                    Some("write at least `1/min`".to_owned()),
                );
            }
            sited.value
        });
        if !section.is_present() {
            return None;
        }
        if client_id.is_none() {
            section.missing("client_id", "name the worker application of the tenant");
        }
        if client_secret.is_none() {
            section.missing("client_secret", "name where it is kept: `\"${WORKER_SECRET}\"`");
        }
        Some(Self {
            client_id: client_id?.value,
            client_secret: client_secret?,
            environment_id,
            rate,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::{Problems, Table};

    fn read(text: &str) -> (Option<Worker>, String) {
        let mut table = Table::parse("p.toml", text).unwrap();
        let problems = Problems::default();
        table.fill_in(&problems, &|text| Ok((text == "${S}").then(|| "secret".to_owned())));
        let mut document = Section::document(&table, &problems);
        let mut section = document.section("worker");
        let worker = Worker::read(&mut section);
        section.finish();
        document.finish();
        let lines = problems.into_sorted().into_iter().map(|problem| {
            let place = problem.place.map(|place| place.to_string()).unwrap_or_default();
            format!("{place} {} ({})\n", problem.what, problem.remedy.unwrap_or_default())
        });
        (worker, lines.collect())
    }

    #[test]
    fn a_worker_needs_id_and_secret() {
        let (worker, problems) = read("[worker]\nclient_id = \"w\"\nclient_secret = \"${S}\"\n");
        assert_eq!(problems, "");
        let worker = worker.unwrap();
        assert_eq!((worker.client_id.as_str(), worker.rate), ("w", DEFAULT_RATE));
        assert_eq!(worker.client_secret.expose(), "secret");
    }

    #[test]
    fn no_table_is_no_worker_and_no_problem() {
        assert_eq!(read(""), (None, String::new()));
    }

    #[test]
    fn mistakes_are_reported_all_at_once() {
        insta::assert_snapshot!(read("[worker]\nclient_secret = \"open\"\nrate = \"0/s\"\n").1, @r#"
        p.toml:1:1 `worker.client_id` is missing (name the worker application of the tenant)
        p.toml:2:17 `worker.client_secret` is a secret and may not stand in the document (name where it is kept: `client_secret = "${NAME}"`, `"${file:PATH}"` or `"${cmd:COMMAND}"`)
        p.toml:3:8 `worker.rate` allows no calls at all (write at least `1/min`)
        "#);
    }
}
