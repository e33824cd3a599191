//! The sheet for the owner of a tenant, or its support, before a load test: what is planned, from where, when, and how
//! to stop it.

use super::budget::{cells, facts, notes};
use super::columns::{clean, width, wrap};
use super::figures;
use super::markup::{code, sentence};
use crate::analysis::budget::judge::Budget;
use std::fmt::Write;

/// What stands where the profile says nothing and a person has to.
pub const TO_FILL_IN: &str = "TO FILL IN";

/// Columns of the plain text.
const COLUMNS: usize = 78;

/// Everything that such a sheet says. Texts are shown as they are; what is empty has to be filled in by a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Announcement {
    /// The profile.
    pub profile: String,
    /// The support case, once there is one.
    pub case: Option<String>,
    /// Environment ids.
    pub environments: Vec<String>,
    /// The hosts that are called, and no others.
    pub hosts: Vec<String>,
    /// OIDC applications and flow policies.
    pub applications: Vec<String>,
    /// When it begins and ends, in UTC.
    pub window: Option<String>,
    /// How long it lasts.
    pub lasts: String,
    /// Where calls come from, as the tenant sees it.
    pub sources: Vec<String>,
    /// Who answers for it, and where they can be reached meanwhile.
    pub contacts: Vec<String>,
    /// Journeys and their parts.
    pub journeys: Vec<String>,
    /// How much load when.
    pub load: Vec<String>,
    /// What it costs.
    pub budget: Option<Budget>,
    /// Where accounts are made, where mail goes.
    pub accounts: Vec<String>,
    /// How its calls can be told from others.
    pub marks: Vec<String>,
    /// What ends it by itself.
    pub guards: Vec<String>,
    /// How it is ended by hand.
    pub stop: Vec<String>,
}

/// A part of the sheet.
struct Part {
    title: &'static str,
    rows: Vec<(&'static str, Vec<String>)>,
}

/// Calls by rate group: the headings of the table.
const HEADINGS: [&str; 4] = ["rate group", "an iteration", "at the peak", "may be used"];

impl Announcement {
    /// What a person has to fill in before it is sent.
    pub fn missing(&self) -> Vec<&'static str> {
        let rows = self.parts().into_iter().flat_map(|part| part.rows);
        rows.filter(|(_, values)| values.iter().any(|value| value.starts_with(TO_FILL_IN)))
            .map(|(label, _)| label)
            .collect()
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let mut text = "# Announcement of a load test\n".to_owned();
        for part in self.parts() {
            let _ = writeln!(text, "\n## {}\n", part.title);
            for (label, values) in part.rows {
                match values.as_slice() {
                    [only] => _ = writeln!(text, "- **{label}:** {}", sentence(only)),
                    several => {
                        let _ = writeln!(text, "- **{label}:**");
                        several
                            .iter()
                            .for_each(|value| _ = writeln!(text, "  - {}", sentence(value)));
                    }
                }
            }
        }
        let rows = self.calls();
        if !rows.is_empty() {
            let _ = writeln!(text, "\n| {} |\n|---|--:|--:|--:|", HEADINGS.join(" | "));
            for [group, cells @ ..] in rows {
                let _ = writeln!(text, "| {} | {} |", code(&group), cells.join(" | "));
            }
        }
        text
    }

    /// As plain text.
    pub fn text(&self) -> String {
        let mut text = "ANNOUNCEMENT OF A LOAD TEST\n".to_owned();
        for part in self.parts() {
            let _ = writeln!(text, "\n{}", part.title.to_uppercase());
            let room = part.rows.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
            for (label, values) in part.rows {
                let lines = values.iter().flat_map(|value| {
                    wrap(&clean(&value.replace('`', "")), [0, 2], COLUMNS - room - 4)
                });
                for (place, line) in lines.enumerate() {
                    let label = if place == 0 { label } else { "" };
                    let _ = writeln!(text, "  {label:room$}  {line}");
                }
            }
        }
        let rows = self.calls();
        if !rows.is_empty() {
            text.push('\n');
            for [group, each, peak, usable] in
                std::iter::once(HEADINGS.map(str::to_owned)).chain(rows)
            {
                let _ = writeln!(text, "  {group:<20}{each:>14}{peak:>14}{usable:>20}");
            }
        }
        text
    }

    fn calls(&self) -> Vec<[String; 4]> {
        let rows = self.budget.iter().flat_map(|budget| &budget.rows);
        let row = |row| {
            let [each, peak, usable] = cells(row);
            [row.group.to_owned(), each, peak, usable]
        };
        rows.map(row).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let one = |text: &str| vec![text.to_owned()];
        let costs = self.budget.iter().flat_map(|budget| facts(&budget.cost, budget.peak_per_s));
        let first = self.budget.as_ref().and_then(super::budget::forecast);
        let mut load = vec![("journeys", self.journeys.clone()), ("load", self.load.clone())];
        load.extend(costs.map(|(label, value)| (label, vec![value])));
        let notes = self.budget.iter().flat_map(notes);
        let said: Vec<_> = first.into_iter().chain(notes).collect();
        if !said.is_empty() {
            load.push(("rate limits", said));
        }
        vec![
            Part {
                title: "Where",
                rows: vec![
                    ("environment", filled(&self.environments)),
                    ("hosts called", filled(&self.hosts)),
                    ("application", filled(&self.applications)),
                    ("source addresses", filled(&self.sources)),
                ],
            },
            Part {
                title: "When and who",
                rows: vec![
                    ("window", one(self.window.as_deref().unwrap_or(TO_FILL_IN))),
                    ("lasts", one(&self.lasts)),
                    ("contacts", filled(&self.contacts)),
                    ("support case", one(self.case.as_deref().unwrap_or("none yet"))),
                ],
            },
            Part {
                title: "What",
                rows: [load, vec![("accounts and mail", self.accounts.clone())]].concat(),
            },
            Part {
                title: "How it is told apart and stopped",
                rows: vec![
                    ("its calls", self.marks.clone()),
                    ("stops by itself", self.guards.clone()),
                    ("is stopped by", self.stop.clone()),
                    ("profile", one(&self.profile)),
                ],
            },
        ]
        .into_iter()
        .map(|part| Part {
            rows: part.rows.into_iter().filter(|(_, values)| !values.is_empty()).collect(),
            ..part
        })
        .collect()
    }
}

fn filled(values: &[String]) -> Vec<String> {
    if values.is_empty() { vec![TO_FILL_IN.to_owned()] } else { values.to_vec() }
}

/// A journey and its part of all iterations.
pub fn journey(name: &str, share: f64) -> String {
    format!("`{name}`, {} of all iterations", figures::share(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement() -> Announcement {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Announcement {
            profile: "tenant.toml".to_owned(),
            environments: lines(&["0ab1"]),
            hosts: lines(&["auth.pingone.eu"]),
            applications: lines(&["`app-1`, flow policy `p-1`"]),
            lasts: "6m, then 10s in which what is under way may end".to_owned(),
            contacts: lines(&["A. Tester <a@example.com>", "+49 30 123"]),
            journeys: vec![journey("register", 0.25), journey("sign-on", 0.75)],
            load: lines(&["from 0/s to 20/s in 1m", "20/s for 5m"]),
            accounts: lines(&["in population `gander`"]),
            marks: lines(&["header `X-Gander-Run` with the run's id"]),
            guards: lines(&["`fault:rate-limited > 5% over 10s`"]),
            stop: lines(&["Ctrl-C"]),
            ..Announcement::default()
        }
    }

    #[test]
    fn a_sheet_has_everything_and_says_what_is_missing() {
        assert_eq!(announcement().missing(), ["source addresses", "window"]);
        insta::assert_snapshot!(announcement().text(), @r"
        ANNOUNCEMENT OF A LOAD TEST

        WHERE
          environment       0ab1
          hosts called      auth.pingone.eu
          application       app-1, flow policy p-1
          source addresses  TO FILL IN

        WHEN AND WHO
          window        TO FILL IN
          lasts         6m, then 10s in which what is under way may end
          contacts      A. Tester <a@example.com>
                        +49 30 123
          support case  none yet

        WHAT
          journeys           register, 25.0% of all iterations
                             sign-on, 75.0% of all iterations
          load               from 0/s to 20/s in 1m
                             20/s for 5m
          accounts and mail  in population gander

        HOW IT IS TOLD APART AND STOPPED
          its calls        header X-Gander-Run with the run's id
          stops by itself  fault:rate-limited > 5% over 10s
          is stopped by    Ctrl-C
          profile          tenant.toml
        ");
        let markdown = announcement().markdown();
        for said in [
            "# Announcement of a load test\n\n## Where\n\n- **environment:** 0ab1\n",
            "- **journeys:**\n  - `register`, 25.0% of all iterations\n  - `sign-on`, 75.0%",
            "- **window:** TO FILL IN\n",
            "- **stops by itself:** `fault:rate-limited > 5% over 10s`\n",
        ] {
            assert!(markdown.contains(said), "{said}: {markdown}");
        }
    }

    #[test]
    fn nothing_that_a_profile_names_becomes_anything_else_in_markdown() {
        let hostile =
            Announcement { environments: vec!["x\n# <b>@you</b>".to_owned()], ..announcement() };
        let text = hostile.markdown();
        assert!(!text.contains("<b>") && !text.contains("\n# <"), "{text}");
    }
}
