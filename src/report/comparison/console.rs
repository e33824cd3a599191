//! A comparison that a person reads in ten seconds: the verdict, what to distrust, and a line for each
//! metric of each journey.

use super::{Compared, words};
use crate::analysis::compare::found::{Change, Mismatch, Row, Verdict};
use crate::report::columns::{Cell, Grid, clean, width, wrap};
use crate::report::console::WIDEST;
use crate::report::figures;
use crate::report::paint::{Paint, Style};

/// The headings of the figures of a row.
const HEADINGS: &[&str] = &["baseline", "candidate", "change", "95% interval", "verdict"];

/// More reasons than this are in the table.
const MOST_REASONS: usize = 4;

/// More rows that changed than this are counted.
const MOST_CHANGED: usize = 12;

/// The whole text, each line ended. Fits in `columns` unless a single name or figure does not.
pub fn render(of: &Compared<'_>, columns: usize, paint: Paint) -> String {
    let mut page = Page { text: String::new(), columns: columns.min(WIDEST), paint };
    page.verdict(of);
    page.sides(of);
    page.mismatches(&of.comparison.mismatches);
    page.journeys(&of.comparison.journeys);
    page.changed("Steps that changed", &of.comparison.steps);
    page.changed("Capabilities that changed", &of.comparison.capabilities);
    page.text
}

const fn style(verdict: Option<Verdict>) -> Style {
    match verdict {
        Some(Verdict::Worse) => Style::Bad,
        Some(Verdict::Better) => Style::Good,
        Some(Verdict::CannotTell) => Style::Hint,
        Some(Verdict::Same) | None => Style::Plain,
    }
}

struct Page {
    text: String,
    columns: usize,
    paint: Paint,
}

impl Page {
    fn line(&mut self, style: Style, line: &str) {
        self.text.push_str(&self.paint.apply(style, line));
        self.text.push('\n');
    }

    fn paragraph(&mut self, indent: usize, style: Style, text: &str) {
        for line in wrap(text, [indent, indent + 2], self.columns) {
            self.line(style, &line);
        }
    }

    fn title(&mut self, style: Style, title: &str) {
        self.text.push('\n');
        self.line(style, title);
    }

    fn verdict(&mut self, of: &Compared<'_>) {
        let found = of.comparison;
        let (word, meaning) = words::headline(found.verdict);
        let style = match found.verdict {
            Verdict::Same => Style::Good,
            verdict => style(Some(verdict)),
        };
        let word = self.paint.apply(style, &word.to_uppercase());
        self.line(Style::Plain, &format!("{word}  {meaning}"));
        let (reasons, rest) = words::first_reasons(&found.reasons, MOST_REASONS);
        for reason in reasons.iter().chain(&rest) {
            self.paragraph(2, Style::Plain, reason);
        }
    }

    fn sides(&mut self, of: &Compared<'_>) {
        let found = of.comparison;
        let method = &found.method;
        let judged = format!(
            "{}; {} resamples, seed {}",
            words::design(method.design),
            method.resamples,
            method.seed
        );
        let parts = [
            ("baseline", Some(words::side(&found.baseline))),
            ("candidate", Some(words::side(&found.candidate))),
            ("flows", words::flows_in_short(of.comparison)),
            ("margin", Some(words::margin(method))),
            ("judged by", Some(judged)),
        ];
        let room = parts.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
        self.text.push('\n');
        for (label, text) in parts {
            let Some(text) = text else { continue };
            self.labelled((label, room), &text);
        }
    }

    /// A text behind its label; what does not fit goes on below its beginning.
    fn labelled(&mut self, (label, room): (&str, usize), text: &str) {
        let indent = 2 + room + 2;
        let lines = wrap(text, [0, 0], self.columns.saturating_sub(indent).max(20));
        for (place, line) in lines.iter().enumerate() {
            let label = if place == 0 { label } else { "" };
            let gap = " ".repeat(room - width(label) + 2);
            let label = self.paint.apply(Style::Faint, label);
            self.line(Style::Plain, &format!("  {label}{gap}{line}"));
        }
    }

    fn mismatches(&mut self, mismatches: &[Mismatch]) {
        if mismatches.is_empty() {
            return;
        }
        self.title(Style::Bad, "What makes the sides hard to compare");
        for Mismatch { what, baseline, candidate } in mismatches {
            let text = format!("! {what}: baseline {baseline}; candidate {candidate}");
            self.paragraph(2, Style::Plain, &text);
        }
    }

    fn journeys(&mut self, rows: &[Row]) {
        if rows.is_empty() {
            self.title(Style::Plain, "No journey is on both sides.");
            return;
        }
        let mut grid = Grid::new(&[]);
        grid.head("Journeys", "", HEADINGS);
        rows.iter().for_each(|row| put(&mut grid, row));
        self.text.push('\n');
        self.text.push_str(&grid.render(self.columns, self.paint));
    }

    fn changed(&mut self, title: &str, rows: &[Row]) {
        let changed: Vec<_> = words::changed(rows).collect();
        if changed.is_empty() {
            return;
        }
        self.title(Style::Strong, title);
        for row in changed.iter().take(MOST_CHANGED) {
            let name = self.paint.apply(style(row.verdict), words::verdict(row.verdict));
            let name = format!("  {name}  {}: {}", clean(&row.name()), words::what_changed(row));
            // Where it is painted it is wider than it looks: it is broken by hand.
            let plain = width(&clean(&row.name())) + width(words::verdict(row.verdict)) + 6;
            if plain + width(&words::what_changed(row)) <= self.columns {
                self.line(Style::Plain, &name);
            } else {
                let name = self.paint.apply(style(row.verdict), words::verdict(row.verdict));
                self.line(Style::Plain, &format!("  {name}  {}", clean(&row.name())));
                self.paragraph(4, Style::Plain, &words::what_changed(row));
            }
        }
        let left_out = changed.len().saturating_sub(MOST_CHANGED);
        if left_out > 0 {
            self.line(Style::Faint, &format!("  and {left_out} more"));
        }
    }
}

/// A row with a line for each metric.
fn put(grid: &mut Grid, row: &Row) {
    let samples = |samples: Option<u64>| {
        Cell::new(samples.map_or_else(String::new, figures::count), Style::Faint)
    };
    let verdict = Cell::new(words::verdict(row.verdict), style(row.verdict));
    let cells = [samples(row.baseline_samples), samples(row.candidate_samples)];
    let cells = cells.into_iter().chain([Cell::default(), Cell::default(), verdict]);
    grid.row(2, Cell::new(row.name(), Style::Strong), cells.collect());
    if let Some(where_) = words::one_sided(row) {
        grid.note(4, Cell::new(where_, Style::Faint));
    }
    for of in &row.changes {
        grid.row(4, Cell::plain(of.metric.name()), figures_of(of).into());
    }
    let needs = words::needs(row);
    if !needs.is_empty() {
        grid.note(4, Cell::new(format!("→ {}", needs.join("; ")), Style::Hint));
    }
}

fn figures_of(of: &Change) -> [Cell; 5] {
    [
        Cell::plain(words::value(of.metric, of.baseline)),
        Cell::plain(words::value(of.metric, of.candidate)),
        Cell::new(words::change(of.metric, of.change), style(of.verdict)),
        Cell::plain(words::interval(of)),
        Cell::new(words::verdict(of.verdict), style(of.verdict)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::specimen::{self, case};

    fn shown(comparison: crate::analysis::compare::found::Comparison) -> String {
        render(&case(comparison).compared(), 80, Paint::Plain)
    }

    #[test]
    fn a_candidate_that_is_worse() {
        insta::assert_snapshot!(shown(specimen::worse()), @"
        WORSE  the candidate is worse by more than the margin
          `sign-on` is worse: p50 +31.0%, p90 +15.0%, p95 +12.1%, mean +27.0%

          baseline   v1 of 20261122-091500-w3ghqk, 5.00 min measured
          candidate  v2 of 20261122-091500-w3ghqk, 5.00 min measured
          flows      the sides met different flows, which is what is compared
          margin     5% of a time, at least 1.00 ms; 0.5 points of an error share
          judged by  variants of the same run, window by window; 2000 resamples, seed 1

        Journeys         baseline  candidate    change      95% interval      verdict
          register           4300       4280                                     same
            p50           78.3 ms    78.6 ms     +0.4%      -1.2 … +2.1%         same
            p90            150 ms     151 ms     +0.4%      -1.2 … +2.1%         same
            p95            179 ms     180 ms     +0.4%      -1.2 … +2.1%         same
            p99            251 ms     252 ms     +0.4%      -1.2 … +2.1%         same
            mean          91.0 ms    91.4 ms     +0.4%      -1.2 … +2.1%         same
            error-share     0.10%      0.12%  +0.02 pt  -0.04 … +0.09 pt         same
          sign-on           15000      15012                                    worse
            p50           78.3 ms     103 ms    +31.0%    +27.9 … +34.3%        worse
            p90            150 ms     172 ms    +15.0%    +11.9 … +18.3%        worse
            p95            179 ms     201 ms    +12.1%     +9.0 … +15.4%        worse
            p99            251 ms     272 ms     +8.4%     +5.3 … +11.7%  cannot-tell
            mean          91.0 ms     116 ms    +27.0%    +23.9 … +30.3%        worse
            error-share     0.10%      0.31%  +0.21 pt  +0.11 … +0.31 pt         same
            → 12 min more for p99

        Steps that changed
          worse  sign-on/verify: p50 +120%, p95 +50.0%

        Capabilities that changed
          worse  customHTMLTemplate submit VERIFY: p50 +120%, p95 +50.0%
        ");
    }

    #[test]
    fn sides_that_are_the_same() {
        insta::assert_snapshot!(shown(specimen::same()), @"
        SAME  the sides differ by less than the margin
          every tested metric lies within the margin

          baseline   3 runs from 20261120-070001-aaaaaa to 20261120-070003-aaaaaa, 15.0
                     min measured
          candidate  3 runs from 20261121-070001-aaaaaa to 20261121-070003-aaaaaa, 15.0
                     min measured
          flows      both sides met the same flows
          margin     5% of a time, at least 1.00 ms; 0.5 points of an error share
          judged by  whole runs: how much runs of the same thing differ is known; 2000
                     resamples, seed 1

        Journeys         baseline  candidate    change      95% interval  verdict
          recovery            900
            in the baseline only
          sign-on           45000      45030                                 same
            p50           78.3 ms    78.6 ms     +0.4%      -1.2 … +2.1%     same
            p90            150 ms     151 ms     +0.4%      -1.2 … +2.1%     same
            p95            179 ms     180 ms     +0.4%      -1.2 … +2.1%     same
            p99            251 ms     252 ms     +0.4%      -1.2 … +2.1%     same
            mean          91.0 ms    91.4 ms     +0.4%      -1.2 … +2.1%     same
            error-share     0.10%      0.12%  +0.02 pt  -0.04 … +0.09 pt     same
        ");
    }

    #[test]
    fn one_run_each_cannot_tell_and_says_the_way_out() {
        insta::assert_snapshot!(shown(specimen::cannot_tell()), @"
        CANNOT TELL  neither a change nor that there is none is shown
          there is one run each: how much runs of the same thing differ is not known;
            repeat each with `gander run --repeat 4`, say a known spread with
            `--spread`, or run both as variants of one run

          baseline   20261120-070001-aaaaaa, 5.00 min measured
          candidate  20261121-070001-bbbbbb, 5.00 min measured
          flows      the sides met different flows, which is what is compared
          margin     5% of a time, at least 1.00 ms; 0.5 points of an error share
          judged by  one run each: how much runs of the same thing differ is not known;
                     2000 resamples, seed 1

        Journeys         baseline  candidate    change      95% interval      verdict
          sign-on           15000      15010                              cannot-tell
            p50           78.3 ms    78.6 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            p90            150 ms     151 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            p95            179 ms     180 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            p99           > limit     252 ms         –                 –  cannot-tell
            mean          91.0 ms    91.4 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            error-share     0.10%      0.12%  +0.02 pt  -0.04 … +0.09 pt  cannot-tell
        ");
    }

    #[test]
    fn mismatches_stand_above_the_table() {
        insta::assert_snapshot!(shown(specimen::mismatched()), @"
        CANNOT TELL  neither a change nor that there is none is shown
          there is one run each: how much runs of the same thing differ is not known;
            repeat each with `gander run --repeat 4`, say a known spread with
            `--spread`, or run both as variants of one run

          baseline   20261120-070001-aaaaaa, 5.00 min measured
          candidate  20261121-070001-bbbbbb, 5.00 min measured
          flows      the sides met different flows, which is what is compared
          margin     5% of a time, at least 1.00 ms; 0.5 points of an error share
          judged by  one run each: how much runs of the same thing differ is not known;
                     2000 resamples, seed 1

        What makes the sides hard to compare
          ! gander: baseline 0.1.0; candidate 0.2.0
          ! offered load: baseline rate 20/s, stages not set; candidate rate not set,
            stages [over 30s rate 20/s, for 5m rate 20/s]
          ! the run: baseline in order; candidate interrupted by a person

        Journeys         baseline  candidate    change      95% interval      verdict
          sign-on           15000      15010                              cannot-tell
            p50           78.3 ms    78.6 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            p90            150 ms     151 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            p95            179 ms     180 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            p99           > limit     252 ms         –                 –  cannot-tell
            mean          91.0 ms    91.4 ms     +0.4%      -1.2 … +2.1%  cannot-tell
            error-share     0.10%      0.12%  +0.02 pt  -0.04 … +0.09 pt  cannot-tell
            → 3 runs more for p50, p90
        ");
    }

    #[test]
    fn eighty_columns_are_enough_and_no_name_steers_the_terminal() {
        for case in specimen::cases() {
            let text = render(&case.compared(), 80, Paint::Plain);
            assert!(!text.contains('\u{202e}'));
            if text.contains("<script>") {
                continue;
            }
            for line in text.lines() {
                assert!(width(line) <= 80, "{line}");
            }
        }
    }

    #[test]
    fn colours_change_no_text() {
        let case = case(specimen::worse());
        let (plain, painted) =
            [Paint::Plain, Paint::Ansi].map(|paint| render(&case.compared(), 80, paint)).into();
        let stripped = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
        assert_eq!(stripped.replace_all(&painted, ""), plain);
    }
}
