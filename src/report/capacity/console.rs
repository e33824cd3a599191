//! A search that a person reads in ten seconds: the bracket, what broke, what is left, and a line a level.

use super::words::{self, Tone};
use crate::analysis::capacity::found::{Capacity, Level, LevelJourney, LevelVerdict};
use crate::report::columns::{Cell, Grid, clean, width, wrap};
use crate::report::console::WIDEST;
use crate::report::figures;
use crate::report::paint::{Paint, Style};
use crate::result::capacity::{CAPACITY, PROBES};

/// The headings of the figures of a level.
const HEADINGS: &[&str] =
    &["verdict", "p50", "p95", "p99", "errors", "ended/s", "in flight", "measured"];

/// Columns that a narrow terminal has to do without: p99, ended/s, in flight.
const OPTIONAL: &[usize] = &[3, 5, 6];

/// The whole text, each line ended. Fits in `columns` unless a single name or figure does not.
pub fn render(of: &Capacity, columns: usize, paint: Paint) -> String {
    let mut page = Page { text: String::new(), columns: columns.min(WIDEST), paint };
    page.verdict(of);
    page.findings(of);
    page.levels(of);
    page.calls(of);
    page.cautions(of);
    page.text
}

/// Where everything about a search is, and how to see it again; `report` is its page, if there is one.
pub fn results(directory: &str, report: Option<&str>, paint: Paint) -> String {
    let mut page = Page { text: String::new(), columns: WIDEST, paint };
    let directory = clean(directory);
    page.title(Style::Strong, "Results");
    if let Some(report) = report {
        page.line(Style::Plain, &format!("  report  {}", clean(report)));
    }
    page.line(Style::Plain, &format!("  data    {directory}/{CAPACITY}"));
    page.line(Style::Plain, &format!("  levels  {directory}/{PROBES}"));
    page.line(Style::Faint, "  the same again, or as json, markdown, html:");
    page.line(Style::Hint, &format!("    gander report {directory} --format json"));
    page.text
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

    fn verdict(&mut self, of: &Capacity) {
        let (word, meaning) = words::headline(of);
        let style = match words::tone(of) {
            Tone::Good => Style::Good,
            Tone::Bad => Style::Bad,
            Tone::Open => Style::Hint,
        };
        let plain = word.to_uppercase().replace("/S", "/s");
        let word = self.paint.apply(style, &plain);
        if width(&plain) + 2 + width(&meaning) <= self.columns {
            self.line(Style::Plain, &format!("{word}  {meaning}"));
        } else {
            self.line(Style::Plain, &word);
            self.paragraph(2, Style::Plain, &meaning);
        }
        if let Some(ending) = &of.ending {
            self.paragraph(2, Style::Plain, &ending.text);
        }
    }

    fn findings(&mut self, of: &Capacity) {
        let findings = words::findings(of);
        self.text.push('\n');
        self.labelled(&findings);
    }

    /// Texts behind their labels; what does not fit goes on below its beginning.
    fn labelled(&mut self, parts: &[(&str, String)]) {
        let room = parts.iter().map(|(label, _)| width(label)).max().unwrap_or(0);
        for (label, text) in parts {
            let lines = wrap(text, [0, 0], self.columns.saturating_sub(room + 4).max(20));
            for (place, line) in lines.iter().enumerate() {
                let label = if place == 0 { label } else { "" };
                let gap = " ".repeat(room - width(label) + 2);
                let label = self.paint.apply(Style::Faint, label);
                self.line(Style::Plain, &format!("  {label}{gap}{line}"));
            }
        }
    }

    fn levels(&mut self, of: &Capacity) {
        if of.levels.is_empty() {
            self.title(Style::Plain, "No level has been tried.");
            return;
        }
        let mut grid = Grid::new(OPTIONAL);
        grid.head("Levels", "", HEADINGS);
        words::by_rate(of).into_iter().for_each(|level| put(&mut grid, level));
        self.text.push('\n');
        self.text.push_str(&grid.render(self.columns, self.paint));
    }

    fn calls(&mut self, of: &Capacity) {
        if of.calls.is_empty() {
            return;
        }
        self.title(Style::Strong, "Calls by rate group, at the highest level that passed");
        let parts: Vec<_> =
            of.calls.iter().map(|calls| (calls.group.as_str(), words::calls(calls))).collect();
        self.labelled(&parts);
    }

    fn cautions(&mut self, of: &Capacity) {
        if of.cautions.is_empty() {
            return;
        }
        self.title(Style::Bad, "Cautions");
        for caution in &of.cautions {
            self.paragraph(2, Style::Plain, &format!("! {}: {}", caution.slug, caution.text));
            self.paragraph(4, Style::Hint, &format!("→ {}", caution.advice));
        }
    }
}

const fn style(verdict: LevelVerdict) -> Style {
    match verdict {
        LevelVerdict::Pass => Style::Good,
        LevelVerdict::Fail => Style::Bad,
        LevelVerdict::Undecided => Style::Hint,
        LevelVerdict::Void => Style::Faint,
    }
}

/// A level with a line; with one more for each journey, if there are several.
fn put(grid: &mut Grid, level: &Level) {
    let alone = match level.journeys.as_slice() {
        [alone] => Some(alone),
        _ => None,
    };
    let [p50, p95, p99] =
        alone.map_or_else(|| [words::median(level), String::new(), String::new()], words::times);
    let name = format!(
        "{}  #{} {}",
        words::rate(level.rate_per_s),
        level.probe,
        words::purpose(level.purpose)
    );
    let errors =
        alone.map_or_else(String::new, |journey| figures::share_or_dot(journey.error_share));
    let cells = vec![
        Cell::new(words::verdict(level.verdict), style(level.verdict)),
        Cell::plain(p50),
        Cell::plain(p95),
        Cell::plain(p99),
        Cell::plain(errors),
        Cell::plain(figures::rate(level.completed_per_s)),
        Cell::plain(figures::rate(level.in_flight)),
        Cell::plain(words::length(level.measured_s)),
    ];
    grid.row(2, Cell::plain(name), cells);
    if alone.is_none() {
        level.journeys.iter().for_each(|journey| put_journey(grid, journey));
    }
    if level.verdict != LevelVerdict::Pass {
        let reasons = level.reasons.iter().take(2);
        reasons.for_each(|reason| grid.note(6, Cell::new(reason, Style::Faint)));
    }
}

fn put_journey(grid: &mut Grid, journey: &LevelJourney) {
    let [p50, p95, p99] = words::times(journey);
    let cells = vec![
        Cell::default(),
        Cell::plain(p50),
        Cell::plain(p95),
        Cell::plain(p99),
        Cell::plain(figures::share_or_dot(journey.error_share)),
        Cell::plain(figures::rate(journey.completed_per_s)),
    ];
    grid.row(4, Cell::plain(&journey.journey), cells);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::capacity::specimen;

    fn shown(of: &Capacity) -> String {
        render(of, 100, Paint::Plain)
    }

    #[test]
    fn a_capacity_that_was_found() {
        insta::assert_snapshot!(shown(&specimen::found()), @"
        CAPACITY 140/s  to promise, confirmed by a hold; 5.00% above it, at 147/s, a threshold does not hold
          `p95 < 400ms` does not hold at 147/s: 451 ms

          most likely   143/s, 95% between 141/s and 145/s
          broke first   `p95 < 400ms`, 451 ms at 147/s
          slowed most   `customHTMLTemplate submit SIGNON`, 45.0 ms on average at first and 126 ms there:
                        92.0% of what was added
          confirmed by  a hold of 5 min at 140/s
          head-room     50.0/s needed (60000/h peak 3): +180% left by what passed, enough
          scalability   peak foreseen at 171/s (158/s … 190/s); contention 2.10%, coherency 3.1e-4, R² 0.998

        Levels                verdict      p50      p95      p99  errors  ended/s  in flight  measured
          20.0/s  #1 climb       pass  61.0 ms   118 ms   177 ms       ·     20.0       1.22      48 s
          60.0/s  #2 climb       pass  66.0 ms   139 ms   208 ms       ·     60.0       3.96      48 s
          104/s  #5 narrow       pass  81.0 ms   203 ms   304 ms       ·      104       8.42      48 s
          140/s  #6 narrow       pass   118 ms   362 ms   543 ms       ·      140       16.5      48 s
          140/s  #10 hold        pass   119 ms   358 ms   537 ms       ·      140       16.7     5 min
          143/s  #7 narrow  undecided   121 ms   391 ms   586 ms       ·      143       17.3      48 s
              `p95 < 400ms`: 391 ms (372 ms … 411 ms) does not tell
          147/s  #8 narrow       fail   140 ms   442 ms   663 ms       ·      147       20.6      48 s
              `p95 < 400ms` does not hold: 442 ms
          147/s  #9 repeat       fail   143 ms   451 ms   676 ms       ·      147       21.0      48 s
              `p95 < 400ms` does not hold: 451 ms
          180/s  #3 climb        fail   2.61 s  > limit  > limit   2.10%      155        405      48 s
              `p95 < 400ms` does not hold: > 30 s
          180/s  #4 repeat       fail   2.48 s  > limit  > limit   2.10%      155        384      48 s
              `p95 < 400ms` does not hold: > 30 s

        Calls by rate group, at the highest level that passed
          davinci-start      140/s, 1.00 for each iteration
          davinci-execution  140/s, 1.00 for each iteration
          sso                140/s, 1.00 for each iteration
        ");
    }

    #[test]
    fn it_ends_with_where_everything_is() {
        let dir = "reports/20261122-101500-k3f9";
        let shown = results(dir, Some("reports/20261122-101500-k3f9/report.html"), Paint::Plain);
        insta::assert_snapshot!(shown, @"

        Results
          report  reports/20261122-101500-k3f9/report.html
          data    reports/20261122-101500-k3f9/capacity.json
          levels  reports/20261122-101500-k3f9/probes
          the same again, or as json, markdown, html:
            gander report reports/20261122-101500-k3f9 --format json
        ");
        assert!(!results(dir, None, Paint::Plain).contains("report.html"));
    }

    #[test]
    fn a_search_that_the_licence_stopped() {
        insta::assert_snapshot!(shown(&specimen::limited()), @"
        RATE LIMITED  the licence, or one address's share of it, was the limit; the capacity is not known
          the tenant answered 429 at 180/s: 41 of 620 exchanges ended in `rate-limited`, 6.61%

          bracket      60.0/s or more
          head-room    70/s needed: -14% left by what passed, cannot be told
          scalability  too little to fit it to
          advice       ask the tenant's owner which of the two it was. The vendor's documents grant one
                       address 35% of a licence's rate: that is what a search from one machine meets first.
                       `http.local_addresses` lets connections go out from several addresses of this machine

        Levels              verdict      p50      p95      p99  errors  ended/s  in flight  measured
          20.0/s  #1 climb     pass  61.0 ms   118 ms   177 ms       ·     20.0       1.22      48 s
          60.0/s  #2 climb     pass  66.0 ms   139 ms   208 ms       ·     60.0       3.96      48 s
          180/s  #3 climb      void   2.61 s  > limit  > limit   2.10%      155        405      48 s
              41 of 620 exchanges ended in `rate-limited`, 6.61%

        Calls by rate group, at the highest level that passed
          davinci-start      60.0/s, 1.00 for each iteration
          davinci-execution  60.0/s, 1.00 for each iteration
          sso                60.0/s, 1.00 for each iteration

        Cautions
          ! few-samples: at 60.0/s (probe 2): 12 samples
            → measure for longer
        ");
    }

    #[test]
    fn a_search_that_was_killed_and_one_in_which_nothing_passed() {
        let shown = shown(&specimen::under_way()) + "\n" + &shown(&specimen::lowest_failed());
        insta::assert_snapshot!(shown, @"
        UNFINISHED  the search has no end on record: it is still under way, or was killed

          bracket      20.0/s or more
          scalability  too little to fit it to
          advice       a search cannot be taken up again, and `--resume` is for runs: search again, with
                       `--from 20.0/s` to spare the way up

        Levels              verdict      p50     p95     p99  errors  ended/s  in flight  measured
          20.0/s  #1 climb     pass  61.0 ms  118 ms  177 ms       ·     20.0       1.22      48 s

        NOTHING PASSED  not even the lowest level holds
          no level passed, down to 1.00/s

          bracket      below 20.0/s
          scalability  too little to fit it to
          advice       begin lower, with `--from`; if even an idle tenant does not keep the rule, its limit
                       is not about load

        Levels              verdict      p50     p95     p99  errors  ended/s  in flight  measured
          20.0/s  #1 climb     fail  61.0 ms  118 ms  177 ms       ·     20.0       1.22      48 s
              `p95 < 400ms` does not hold: 2.00 s
        ");
    }

    #[test]
    fn it_fits_a_narrow_terminal_and_paints_nothing_but_what_is_there() {
        for of in specimen::all() {
            let narrow = render(&of, 60, Paint::Plain);
            let words = narrow.split_whitespace().map(width).max().unwrap_or(0);
            let longest = narrow.lines().map(width).max().unwrap_or(0);
            assert!(longest <= words.max(66), "{longest}: {narrow}");
            let painted = render(&of, 60, Paint::Ansi);
            let plain: Vec<&str> = painted.split('\x1b').collect();
            assert!(plain.len() > 4, "{painted}");
        }
    }
}
