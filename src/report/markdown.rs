//! The result as a comment on a pull request: the verdict, a paragraph, tables, and the steps folded
//! away.

use super::markup::{code, sentence};
use super::timed::first_place;
use super::{about, drift, faults, figures, parts};
use crate::base::names::Variant;
use crate::measure::counts::FaultCounts;
use crate::result::run_dir::RunRecord;
use crate::result::summary::{
    ActionSummary, CapabilitySummary, JourneySummary, StepSummary, Summary, ThresholdSummary,
    TimeUs, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};

/// The longest comment that GitHub takes, in characters; counted in bytes here, which are never fewer.
const LIMIT: usize = 65_536;

/// Kept for saying what was left out.
const RESERVE: usize = 1_000;

/// A time of a row.
type Pick = fn(&TimeUs) -> u64;

/// The columns of times, in order.
const TIMES: &[(&str, Pick)] = &[
    ("p50", |times| times.p50),
    ("p90", |times| times.p90),
    ("p95", |times| times.p95),
    ("p99", |times| times.p99),
    ("max", |times| times.max),
];

/// The whole comment.
pub fn render(record: &RunRecord, summary: &Summary) -> String {
    let several =
        summary.journeys.iter().map(|row| &row.variant).collect::<BTreeSet<_>>().len() > 1;
    let mut page = Page::default();
    page.block(&head(summary));
    page.block(&paragraph(record, summary));
    page.list("reasons", summary.reasons.iter().map(|reason| format!("- {}\n", sentence(reason))));
    page.table(&thresholds(summary));
    if let Some(found) = &summary.drift {
        let said = format!("{}; {}", drift::headline(found), drift::of_gander(found));
        page.block(&format!("### Drift\n\n{}.\n", sentence(&said)));
        let broken = drift::broken(summary).into_iter();
        page.list("rules about drifts", broken.map(|broken| format!("- {}\n", sentence(&broken))));
    }
    page.table(&drifts(summary));
    page.list("projections", projections(summary).into_iter());
    page.table(&journeys(summary, several));
    page.list("cautions", cautions(summary).into_iter());
    page.table(&parts::table(&summary.parts));
    page.table(&capabilities(summary, several));
    page.table(&steps(summary, several));
    page.finish("`gander report RUN_DIR --format csv`")
}

/// The text as far as it has come, and what did not fit.
#[derive(Default)]
pub(super) struct Page {
    text: String,
    left_out: Vec<String>,
}

/// A table with what stands around it.
pub(super) struct Table {
    /// What its rows are called where some are left out.
    pub(super) what: &'static str,
    /// What stands above it, its empty line included.
    pub(super) heading: String,
    /// The headings of its columns.
    pub(super) headings: Vec<&'static str>,
    /// So many of the first columns are names, the others figures.
    pub(super) names: usize,
    /// The cells, each fit for a table.
    pub(super) rows: Vec<Vec<String>>,
    /// What stands below it.
    pub(super) after: &'static str,
}

impl Page {
    fn room(&self) -> usize {
        (LIMIT - RESERVE).saturating_sub(self.text.len())
    }

    /// A text of its own; left out where there is no room.
    pub(super) fn block(&mut self, text: &str) {
        if text.len() < self.room() {
            self.text.push_str(text);
            self.text.push('\n');
        }
    }

    /// Items one below the other, as many as there is room for.
    pub(super) fn list(&mut self, what: &str, items: impl Iterator<Item = String>) {
        let (mut shown, mut hidden) = (String::new(), 0);
        for item in items {
            if shown.len() + item.len() < self.room() {
                shown.push_str(&item);
            } else {
                hidden += 1;
            }
        }
        if !shown.is_empty() {
            self.block(&shown);
        }
        self.leave_out(hidden, what);
    }

    /// A table with as many rows as there is room for; nothing without any.
    pub(super) fn table(&mut self, table: &Table) {
        if table.rows.is_empty() {
            return;
        }
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let headings: Vec<_> = table.headings.iter().map(|&heading| heading.to_owned()).collect();
        let columns = headings.iter().enumerate();
        let rule =
            columns.map(|(place, _)| if place < table.names { "---" } else { "---:" }.to_owned());
        let mut text = format!("{}{}", table.heading, line(&headings));
        text += &line(&rule.collect::<Vec<_>>());
        let (mut shown, mut hidden) = (0, 0);
        for row in &table.rows {
            let row = line(row);
            if text.len() + row.len() + table.after.len() < self.room() {
                text += &row;
                shown += 1;
            } else {
                hidden += 1;
            }
        }
        if shown > 0 {
            text += table.after;
            self.block(&text);
        }
        self.leave_out(hidden, table.what);
    }

    fn leave_out(&mut self, hidden: usize, what: &str) {
        if hidden > 0 {
            self.left_out.push(format!("{hidden} {what}"));
        }
    }

    /// The text with what was left out, and the command that has everything.
    pub(super) fn finish(mut self, whole: &str) -> String {
        if !self.left_out.is_empty() {
            let left_out = format!(
                "> Left out to fit into a comment of {LIMIT} characters: {}. \
                 {whole} has everything.\n",
                self.left_out.join(", ")
            );
            self.text.push_str(&left_out);
        }
        // Blocks are apart by an empty line; behind the last one there is nothing to be apart from.
        self.text.truncate(self.text.trim_end().len());
        self.text + "\n"
    }
}

fn head(summary: &Summary) -> String {
    let (sign, word) = match summary.verdict {
        Verdict::Pass => ("✅", "PASS"),
        Verdict::Fail => ("❌", "FAIL"),
        Verdict::Invalid => ("⚠️", "INVALID"),
    };
    format!("## {sign} gander: {word}\n")
}

/// What was run, and how far it got, in one go.
fn paragraph(record: &RunRecord, summary: &Summary) -> String {
    let due: u64 = summary.journeys.iter().map(|row| row.due).sum();
    let completed: u64 = summary.journeys.iter().map(|row| row.completed).sum();
    let failed: u64 = summary.journeys.iter().map(|row| row.failed).sum();
    let per_s: f64 = summary.journeys.iter().map(|row| row.completed_per_s).sum();
    let (model, meaning) = about::model(summary.workload_model);
    let load = about::load(record);
    let hosts: Vec<_> = about::hosts(record).into_iter().map(code).collect();
    let is_stand_in = record.plan.get("tenant").is_none();
    let tenant = if is_stand_in { "the embedded stand-in".to_owned() } else { hosts.join(", ") };
    let interrupted =
        if record.interrupted { " Interrupted: the numbers are those up to then." } else { "" };
    let invalid = match summary.verdict {
        Verdict::Invalid => " gander was the limit: the numbers say nothing about the tenant.",
        Verdict::Pass | Verdict::Fail => "",
    };
    format!(
        "{completed} of {due} iterations completed ({}/s), {failed} failed, in {} measured on {}; {model}, \
         {}: {meaning}.{interrupted}{invalid} Run {}, started {}, gander {}, seed {}.\n",
        figures::rate(per_s),
        figures::seconds(summary.measured_s),
        tenant,
        sentence(&load),
        code(summary.run_id.as_str()),
        sentence(&summary.started_at),
        sentence(&record.gander_version),
        sentence(&record.seed),
    )
}

fn thresholds(summary: &Summary) -> Table {
    let has_intervals = summary.thresholds.iter().any(|found| found.low.is_some());
    let has_stretches = summary.thresholds.iter().any(|found| found.worst_from_s.is_some());
    let mut headings = vec!["", "rule", "observed"];
    headings.extend(has_intervals.then_some("95 % interval"));
    headings.extend(has_stretches.then_some("worst at"));
    let or_none = |text: Option<String>| text.as_deref().map_or(figures::NONE.to_owned(), sentence);
    let row = |found: &ThresholdSummary| {
        let mark = if found.holds { "✅" } else { "❌" };
        let remark = found.remark.as_deref().map(|remark| format!(" ({})", sentence(remark)));
        let rule = code(&found.rule) + &remark.unwrap_or_default();
        let mut row = vec![mark.to_owned(), rule, sentence(&found.observed)];
        row.extend(has_intervals.then(|| or_none(found.interval())));
        row.extend(has_stretches.then(|| or_none(found.worst())));
        row
    };
    Table {
        what: "thresholds",
        heading: "### Thresholds\n\n".to_owned(),
        headings,
        names: 2,
        rows: summary.thresholds.iter().map(row).collect(),
        after: "",
    }
}

/// What changed from beginning to end; without rows where nothing did.
fn drifts(summary: &Summary) -> Table {
    let row = |told: drift::Changed| {
        let notes: Vec<_> = told.notes.iter().map(|note| sentence(note)).collect();
        vec![code(&told.name), notes.join("; "), told.by, told.interval, told.ends]
    };
    let changed = summary.drift.as_ref().map(drift::changed).unwrap_or_default();
    Table {
        what: "rows that drifted",
        heading: String::new(),
        headings: vec!["figure", "", "change", "95 % interval", "from → to"],
        names: 2,
        rows: changed.into_iter().map(|(_, told)| row(told)).collect(),
        after: "",
    }
}

fn projections(summary: &Summary) -> Vec<String> {
    let found = summary.drift.iter().flat_map(|found| &found.projections);
    found.map(|found| format!("- {}\n", sentence(&drift::projected(found)))).collect()
}

fn with_times(first: &[&'static str]) -> Vec<&'static str> {
    first.iter().copied().chain(TIMES.iter().map(|(heading, _)| *heading)).collect()
}

fn times(times: Option<&TimeUs>) -> impl Iterator<Item = String> {
    TIMES.iter().map(move |(_, of)| figures::time_or_none(times.map(of)))
}

/// A name, and with several variants whose.
fn named(name: &str, variant: &Variant, several: bool) -> String {
    if several { format!("{} · {}", code(name), code(variant.as_str())) } else { code(name) }
}

fn journeys(summary: &Summary, several: bool) -> Table {
    let row = |row: &JourneySummary| {
        let mut lost = faults::counted(&row.faults);
        let others = [(row.dropped, "dropped"), (row.cut_off, "cut off"), (row.lost, "lost")];
        let others = others.iter().filter(|(number, _)| *number > 0);
        lost.extend(others.map(|(number, what)| format!("{number} {what}")));
        let figures = [
            named(row.journey.as_str(), &row.variant, several),
            figures::count(row.due),
            figures::count(row.completed),
            figures::rate(row.completed_per_s),
            if lost.is_empty() { figures::ZERO.to_owned() } else { lost.join(", ") },
        ];
        figures.into_iter().chain(times(row.response_time_us.as_ref())).collect()
    };
    let mut rows: Vec<_> = summary.journeys.iter().collect();
    rows.sort_by_key(|row| (&row.journey, &row.variant));
    Table {
        what: "journeys",
        heading: "### Journeys · response time\n\n".to_owned(),
        headings: with_times(&["journey", "due", "done", "/s", "not done"]),
        names: 1,
        rows: rows.into_iter().map(row).collect(),
        after: "",
    }
}

fn exchange_cells(samples: u64, error_share: f64, of: &FaultCounts) -> [String; 2] {
    let faults = match of.total() {
        0 => figures::ZERO.to_owned(),
        _ => format!("{} ({})", figures::share(error_share), faults::counted(of).join(", ")),
    };
    [figures::count(samples), faults]
}

fn capabilities(summary: &Summary, several: bool) -> Table {
    let subtotal = |row: &CapabilitySummary| {
        let name = named(row.capability.as_str(), &row.variant, several);
        let cells = exchange_cells(row.samples, row.error_share, &row.faults);
        let all = std::iter::once(name).chain(cells).chain(times(row.service_time_us.as_ref()));
        all.collect::<Vec<_>>()
    };
    let action = |(of, row): (&CapabilitySummary, &ActionSummary)| {
        let name = named(&format!("{} {}", row.event, row.action), &of.variant, several);
        let name = format!("… {name}");
        let cells = exchange_cells(row.samples, row.error_share, &row.faults);
        let all = std::iter::once(name).chain(cells).chain(times(row.service_time_us.as_ref()));
        all.collect::<Vec<_>>()
    };
    let mut by_name: BTreeMap<_, Vec<&CapabilitySummary>> = BTreeMap::new();
    for row in &summary.capabilities {
        by_name.entry(&row.capability).or_default().push(row);
    }
    // The same capability of all variants together, and then each of its actions.
    let rows = by_name.into_values().flat_map(|of_all| {
        let actions = of_all.iter().flat_map(|of| of.actions.iter().map(move |row| (*of, row)));
        let in_flow = actions.filter(|(_, of)| !(of.event.is_empty() && of.action.is_empty()));
        let mut in_flow: Vec<_> = in_flow.collect();
        in_flow.sort_by_key(|(of, row)| (&row.event, &row.action, &of.variant));
        let subtotals = of_all.into_iter().map(subtotal);
        subtotals.chain(in_flow.into_iter().map(action)).collect::<Vec<_>>()
    });
    Table {
        what: "rows of capabilities",
        heading: "### Capabilities · service time\n\n".to_owned(),
        headings: with_times(&["capability", "count", "errors"]),
        names: 1,
        rows: rows.collect(),
        after: "",
    }
}

fn steps(summary: &Summary, several: bool) -> Table {
    let row = |row: &StepSummary| {
        let parts = [row.capability.as_str(), &row.event, &row.action];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let names = [
            named(row.journey.as_str(), &row.variant, several),
            code(row.step.as_str()),
            code(&parts.join(" ")),
        ];
        let cells = exchange_cells(row.samples, row.error_share, &row.faults);
        names
            .into_iter()
            .chain(cells)
            .chain(times(row.service_time_us.as_ref()))
            .collect::<Vec<_>>()
    };
    let mut rows: Vec<_> = summary.steps.iter().collect();
    rows.sort_by_cached_key(|row| {
        (row.journey.clone(), first_place(&summary.steps, row), row.variant.clone())
    });
    Table {
        what: "steps",
        heading: format!("<details><summary>Steps ({})</summary>\n\n", summary.steps.len()),
        headings: with_times(&["journey", "step", "answers", "count", "errors"]),
        names: 3,
        rows: rows.into_iter().map(row).collect(),
        after: "\n</details>\n",
    }
}

fn cautions(summary: &Summary) -> Vec<String> {
    let told = summary.cautions.iter().enumerate().map(|(place, caution)| {
        let title = if place == 0 { "### Cautions\n\n" } else { "" };
        let (text, advice) = (sentence(&caution.text), sentence(&caution.advice));
        format!("{title}- **{}**: {text}. → {advice}\n", sentence(&caution.slug))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen;
    use proptest::prelude::*;

    fn shown(summary: Summary) -> String {
        let dossier = specimen::dossier(summary);
        render(&dossier.record, &dossier.summary)
    }

    fn step(name: &str) -> StepSummary {
        StepSummary {
            variant: "default".into(),
            journey: "sign-on".into(),
            step: name.into(),
            capability: "customHTMLTemplate".into(),
            event: "submit".to_owned(),
            action: "SIGNON".to_owned(),
            samples: 608,
            faults: FaultCounts::default(),
            error_share: 0.0,
            service_time_us: specimen::around(25_800),
        }
    }

    #[test]
    fn a_failing_run() {
        let mut summary = specimen::failing();
        summary.steps = vec![step("credentials")];
        insta::assert_snapshot!(shown(summary), @"
        ## ❌ gander: FAIL

        2020 of 2125 iterations completed (101/s), 91 failed, in 20.0 s measured on the embedded stand-in; open model, 20 users in turn for 20s: arrivals on their own schedule; response times include the lag. Run `20261121-183441-k3f9`, started 2026-11-21T18:34:41.120Z, gander 0.1.0, seed 7.

        - `sign-on.p95 < 800ms` does not hold: > 30 s
        - `faults < 1%` does not hold: 6.78%

        ### Thresholds

        |  | rule | observed | 95 % interval | worst at |
        | --- | --- | ---: | ---: | ---: |
        | ❌ | `faults < 1%` | 6.78% | 5.31% … 8.25% | – |
        | ✅ | `recovery.p99 < 2s over 1m` (measured for 20s only: judged on all of it) | 581 ms | 520 ms … 655 ms | – |
        | ❌ | `sign-on.p95 < 800ms` | &#62; 30 s | – | – |
        | ✅ | `register.p95 < 400ms over 5s` | 377 ms | – | 11s … 16s |

        ### Journeys · response time

        | journey | due | done | /s | not done | p50 | p90 | p95 | p99 | max |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | `recovery` | 601 | 601 | 30.1 | · | 181 ms | 346 ms | 413 ms | 581 ms | 1.11 s |
        | `register` | 811 | 811 | 40.5 | · | 132 ms | 252 ms | 301 ms | 424 ms | 808 ms |
        | `sign-on` | 713 | 608 | 30.4 | 61 read-timeout, 20 http-5xx, 7 no-account, 3 refused, 12 dropped, 2 cut off | 214 ms | 409 ms | 488 ms | 687 ms | 1.31 s |

        ### Cautions

        - **short-run**: `sign-on` has 608 completed iterations, too few for a 99th percentile that can be trusted to two figures. → run for at least 2 minutes, or at a higher rate

        ### Capabilities · service time

        | capability | count | errors | p50 | p90 | p95 | p99 | max |
        | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | `authorize` | 2020 | · | 24.9 ms | 47.6 ms | 56.8 ms | 79.9 ms | 152 ms |
        | `customHTMLTemplate` | 4722 | 1.78% (61 read-timeout, 20 http-5xx, 3 refused) | 25.1 ms | 47.9 ms | 57.2 ms | 80.6 ms | 154 ms |
        | … `action FORGOT_PASSWORD` | 605 | · | 25.1 ms | 47.9 ms | 57.2 ms | 80.6 ms | 154 ms |
        | … `action REGISTER` | 811 | · | 25.3 ms | 48.3 ms | 57.7 ms | 81.2 ms | 155 ms |
        | … `submit RECOVER` | 602 | · | 26.0 ms | 49.7 ms | 59.3 ms | 83.5 ms | 159 ms |
        | … `submit SIGNON` | 692 | 12.1% (61 read-timeout, 20 http-5xx, 3 refused) | 25.8 ms | 49.3 ms | 58.8 ms | 82.8 ms | 158 ms |
        | … `submit UPDATE` | 601 | · | 27.4 ms | 52.3 ms | 62.5 ms | 88.0 ms | 168 ms |
        | … `submit VERIFY` | 1411 | · | 25.2 ms | 48.1 ms | 57.5 ms | 80.9 ms | 154 ms |
        | `token` | 2020 | · | 25.0 ms | 47.8 ms | 57.0 ms | 80.2 ms | 153 ms |

        <details><summary>Steps (1)</summary>

        | journey | step | answers | count | errors | p50 | p90 | p95 | p99 | max |
        | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | `sign-on` | `credentials` | `customHTMLTemplate submit SIGNON` | 608 | · | 25.8 ms | 49.3 ms | 58.8 ms | 82.8 ms | 158 ms |

        </details>
        ");
    }

    #[test]
    fn an_invalid_run_says_so_before_any_number() {
        let text = shown(specimen::invalid());
        assert!(text.starts_with("## ⚠️ gander: INVALID\n"), "{text}");
        assert!(text.contains("the numbers say nothing about the tenant"), "{text}");
    }

    #[test]
    fn with_several_variants_each_row_says_whose_it_is() {
        let text = shown(specimen::two_variants());
        assert!(text.contains("| `sign-on` · `v2` |"), "{text}");
        // The same row of all variants stands together.
        let whose = |name: &str| {
            let lines: Vec<_> = text.lines().collect();
            let place =
                lines.iter().position(|line| line.starts_with(&format!("| {name} · `v1` |")));
            let next = lines[place.unwrap_or_else(|| panic!("no {name}: {text}")) + 1];
            assert!(next.starts_with(&format!("| {name} · `v2` |")), "{next}");
        };
        ["`customHTMLTemplate`", "… `submit SIGNON`", "`sign-on`"].into_iter().for_each(whose);
    }

    /// Cells of a line of a table, as GitHub takes them.
    fn cells(line: &str) -> usize {
        line.matches('|').count()
    }

    fn is_table(line: &&str) -> bool {
        line.starts_with('|')
    }

    #[test]
    fn a_comment_is_never_too_long_and_says_what_it_leaves_out() {
        let mut summary = specimen::failing();
        summary.steps = (0..2000).map(|number| step(&format!("step {number}"))).collect();
        let text = shown(summary.clone());
        assert!(text.len() <= LIMIT && text.len() > LIMIT - 2 * RESERVE, "{}", text.len());
        assert!(text.contains("\n</details>\n"));
        let shown_steps = text.matches("`step ").count();
        let left_out = format!("of {LIMIT} characters: {} steps", 2000 - shown_steps);
        assert!(text.contains(&left_out), "{}", &text[text.len() - 300..]);
        summary.reasons = (0..5000).map(|number| format!("reason {number}")).collect();
        let text = shown(summary);
        assert!(text.len() <= LIMIT, "{}", text.len());
        assert!(text.contains("reasons") && text.contains("2000 steps"));
    }

    proptest! {
        #[test]
        fn no_name_breaks_a_table_or_calls_anybody(
            name in "[a-z`|<>@#&*_\\[\\]\\\\\"\n\r\u{202e} ]{1,40}",
        ) {
            let mut summary = specimen::failing();
            summary.journeys[0].journey = name.as_str().into();
            summary.capabilities[1].actions[0].action.clone_from(&name);
            summary.capabilities[0].capability = name.as_str().into();
            summary.thresholds[0].rule.clone_from(&name);
            summary.reasons[0] = format!("`{name}` does not hold");
            summary.cautions[0].text.clone_from(&name);
            summary.steps = vec![step(&name)];
            let usual = specimen::failing();
            let text = shown(summary);
            let lines = |text: &str| text.lines().filter(is_table).map(cells).collect::<Vec<_>>();
            let mut expected = lines(&shown(usual));
            // The table of steps: headings, rule and one row of ten cells.
            expected.extend([11, 11, 11]);
            prop_assert_eq!(lines(&text), expected, "{}", text);
            let outside: String = text.split('`').step_by(2).collect();
            prop_assert!(!outside.contains('@'), "{}", outside);
        }
    }
}
