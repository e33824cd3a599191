//! How a run drifted, in the words that every report uses.

use super::figures;
use super::paint::Style;
use crate::analysis::rule::{Metric, Rule};
use crate::result::soak::{
    DriftRow, DriftSummary, Figure, Finding, JumpSummary, OwnDrift, OwnFigure, Projection, Slope,
};
use crate::result::summary::{Summary, ThresholdSummary};
use std::cmp::Reverse;
use std::time::Duration;

/// A row that changed, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    /// Which row and figure: `sign-on p95`.
    pub name: String,
    /// By how much: `+12.3%`, or from where to where of an error share.
    pub by: String,
    /// The 95 % interval of that.
    pub interval: String,
    /// `197 ms → 221 ms`.
    pub ends: String,
    /// What else there is to be said: jumps, and what gander itself did.
    pub notes: Vec<String>,
    /// How it is to be shown.
    pub style: Style,
}

/// The rows that changed, those of journeys first and the greatest change first.
pub fn changed(drift: &DriftSummary) -> Vec<(&DriftRow, Changed)> {
    let mut rows: Vec<_> = drift.rows.iter().filter(|row| row.finding.is_change()).collect();
    let thousandths = |row: &DriftRow| thousandths(row.slope.grown_share.unwrap_or(0.0).abs());
    rows.sort_by_key(|row| {
        (row.finding != Finding::Drifts, row.of as u8, Reverse(thousandths(row)))
    });
    rows.into_iter().map(|row| (row, told(row, drift))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "only to sort by")]
fn thousandths(share: f64) -> u64 {
    (share * 1000.0) as u64
}

/// One row in words, changed or not.
pub fn told(row: &DriftRow, drift: &DriftSummary) -> Changed {
    let (slope, hours) = (&row.slope, drift.measured_s / 3600.0);
    let shown = |end: f64| value(row.figure, end);
    let (first, last) = (slope.ends.1 - slope.per_h * hours, slope.ends.1);
    let jumps = row.jumps.iter().map(|jump| jumped(row.figure, jump));
    Changed {
        name: name(row, drift),
        by: growth(row.figure, slope, slope.per_h * hours),
        interval: match (slope.low_per_h, slope.high_per_h) {
            (Some(low), Some(high)) => {
                let end = |end: f64| growth(row.figure, slope, end * hours);
                format!("{} … {}", end(low), end(high))
            }
            _ => figures::NONE.to_owned(),
        },
        ends: format!("{} → {}", shown(first), shown(last)),
        notes: jumps.chain(coincides(&row.coincides_with)).collect(),
        style: match row.finding {
            Finding::Drifts => Style::Bad,
            Finding::Coincides => Style::Strong,
            Finding::Steady | Finding::NotTold => Style::Plain,
        },
    }
}

/// Which row and figure it is; with its variant where there are several.
fn name(row: &DriftRow, drift: &DriftSummary) -> String {
    let has_several = drift.rows.iter().any(|other| other.variant != row.variant);
    let variant = has_several.then(|| row.variant.as_str());
    let parts =
        [variant.unwrap_or_default(), &row.name, &row.event, &row.action, row.figure.name()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// In parts of the level, or of an error share in percentage points.
fn growth(figure: Figure, slope: &Slope, grown: f64) -> String {
    if figure == Figure::ErrorShare {
        return signed(grown * 100.0, 2, " pt");
    }
    if slope.level > 0.0 {
        signed(grown / slope.level * 100.0, 1, "%")
    } else {
        figures::NONE.to_owned()
    }
}

fn signed(number: f64, digits: usize, unit: &str) -> String {
    let text = format!("{number:+.digits$}");
    // Nothing has no sign.
    let is_nothing = text.chars().all(|c| !c.is_ascii_digit() || c == '0');
    format!("{}{unit}", if is_nothing { &text[1..] } else { &text })
}

/// A value of a figure.
pub fn value(figure: Figure, value: f64) -> String {
    match figure {
        Figure::P50 | Figure::P95 | Figure::P99 => figures::time(whole(value)),
        Figure::ErrorShare => figures::share(value.max(0.0)),
        Figure::CompletedRate => format!("{}/s", figures::rate(value.max(0.0))),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, as it should"
)]
fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

/// `jumped from 197 ms to 240 ms at 14:03:20 UTC (2:03:20 into the run, to 10.0 s): …`
fn jumped(figure: Figure, jump: &JumpSummary) -> String {
    let into = figures::clock(span(jump.at_s));
    let beside = jump.beside.as_ref().map(|what| format!(": {what}")).unwrap_or_default();
    format!(
        "jumped from {} to {} at {} UTC ({into} into the run, ± {}){beside}",
        value(figure, jump.from),
        value(figure, jump.to),
        clock(&jump.at),
        figures::seconds(jump.within_s),
    )
}

/// The time of day of a stamp, to the second; a stamp of another form stays as it is.
fn clock(stamp: &str) -> &str {
    stamp.get(11..19).unwrap_or(stamp)
}

fn coincides(own: &[OwnFigure]) -> Option<String> {
    let gander: Vec<_> =
        own.iter().filter(|own| **own != OwnFigure::Load).map(|own| own.name()).collect();
    let load = own.contains(&OwnFigure::Load);
    match (gander.is_empty(), load) {
        (true, false) => None,
        (true, true) => Some("together with the load, which changed too".to_owned()),
        (false, _) => Some(format!(
            "not charged to the tenant: gander's own {} changed with it",
            gander.join(", ")
        )),
    }
}

/// `sign-on.p95 < 800ms` is broken in 31.0 h (19.0 h … 70.0 h) if it goes on like this.
pub fn projected(projection: &Projection) -> String {
    let high = projection.high_s.map_or_else(|| "never".to_owned(), figures::seconds);
    format!(
        "`{}` is broken in {} ({} … {high}), on {}, if it goes on like this",
        projection.rule,
        figures::seconds(projection.in_s),
        figures::seconds(projection.low_s),
        projection.at.get(..16).unwrap_or(&projection.at).replace('T', " at "),
    )
}

/// A figure of gander itself: `memory 84.2 MiB → 96.0 MiB`.
pub fn own(own: &OwnDrift, measured_s: f64) -> String {
    let (last, first) =
        (own.slope.ends.1, own.slope.ends.1 - own.slope.per_h * measured_s / 3600.0);
    format!(
        "{} {} → {}",
        own.figure.name(),
        own_value(own.figure, first),
        own_value(own.figure, last)
    )
}

/// A value of a figure of gander itself.
pub fn own_value(figure: OwnFigure, value: f64) -> String {
    match figure {
        OwnFigure::Memory => figures::bytes(whole(value)),
        OwnFigure::Cpu => figures::share(value.max(0.0)),
        OwnFigure::OpenSockets | OwnFigure::Users => figures::rate(value.max(0.0)),
        OwnFigure::DispatchLag | OwnFigure::TimerLag => figures::time(whole(value)),
        OwnFigure::Load => format!("{}/s", figures::rate(value.max(0.0))),
    }
}

/// What came out, in a sentence. That nothing could be told is not said as if nothing had happened.
pub fn headline(drift: &DriftSummary) -> String {
    let count = |has: fn(Finding) -> bool| drift.rows.iter().filter(|row| has(row.finding)).count();
    let changed = count(Finding::is_change);
    let steady = count(|finding| finding == Finding::Steady);
    let not_told = count(|finding| finding == Finding::NotTold);
    let all = drift.rows.len();
    let least = figures::share(drift.least_share);
    let over = figures::seconds(drift.measured_s);
    let gaps = match drift.gaps.len() {
        0 => String::new(),
        1 => " (a gap in it is in no slope)".to_owned(),
        gaps => format!(" ({gaps} gaps in it are in no slope)"),
    };
    match (changed, not_told) {
        (0, 0) => {
            format!("no change of {least} or more in {over}{gaps}: {all} figures, all steady")
        }
        (0, _) => format!(
            "no drift of {least} or more could be told from chance in {over}{gaps}: of {all} figures \
             {steady} steady, {not_told} not told{}",
            likeliest(drift).unwrap_or_default()
        ),
        _ => format!(
            "{changed} of {all} figures changed in {over}{gaps}, {steady} steady, {not_told} not told"
        ),
    }
}

/// Which of the rows that nothing was told of is the least probable by chance, so that it is not overlooked.
fn likeliest(drift: &DriftSummary) -> Option<String> {
    let grown = |row: &DriftRow| row.slope.grown_share.unwrap_or(0.0).abs();
    let rank = |row: &DriftRow| (grown(row) < drift.least_share, row.slope.p, row.of as u8);
    let not_told = drift.rows.iter().filter(|row| row.finding == Finding::NotTold);
    let row = not_told.min_by(|a, b| {
        let ((small_a, p_a, of_a), (small_b, p_b, of_b)) = (rank(a), rank(b));
        let first = small_a.cmp(&small_b).then(p_a.total_cmp(&p_b)).then(of_a.cmp(&of_b));
        first.then(grown(b).total_cmp(&grown(a)))
    })?;
    let Changed { name, by, interval, .. } = told(row, drift);
    let (p, series) = (equals(row.slope.p), drift.series);
    Some(format!(
        "; the likeliest is {name} {by} ({interval}, of it alone), p {p} among all {series} series"
    ))
}

fn equals(p: f64) -> String {
    let text = chance(p);
    if p < LEAST_CHANCE { text } else { format!("= {text}") }
}

const LEAST_CHANCE: f64 = 0.001;

/// A probability.
pub fn chance(p: f64) -> String {
    if p < LEAST_CHANCE { format!("< {LEAST_CHANCE}") } else { figures::rate(p) }
}

/// What came out of a row, in a word or two.
pub const fn finding(finding: Finding) -> &'static str {
    match finding {
        Finding::Drifts => "changed",
        Finding::Coincides => "changed with gander or its load",
        Finding::Steady => "steady",
        Finding::NotTold => "not told",
    }
}

/// The rules about drifts that do not hold, each in a sentence: they do not ask what is asked here.
pub fn broken(summary: &Summary) -> Vec<String> {
    let is_drift = |found: &&ThresholdSummary| {
        let rule = found.rule.parse::<Rule>();
        rule.is_ok_and(|rule| matches!(rule.metric, Metric::Drift(_)))
    };
    let broken = summary.thresholds.iter().filter(|found| !found.holds).filter(is_drift);
    let said = |found: &ThresholdSummary| {
        let interval = found.interval().map(|ends| format!(" ({ends})")).unwrap_or_default();
        format!(
            "`{}` does not hold: {}{interval}; a rule judges what was seen, told from chance or not",
            found.rule, found.observed
        )
    };
    broken.map(said).collect()
}

/// What gander itself did meanwhile, in a sentence.
pub fn of_gander(drift: &DriftSummary) -> String {
    let drifting = drift.generator.iter().filter(|own| own.drifts);
    let told: Vec<_> = drifting.map(|found| own(found, drift.measured_s)).collect();
    if told.is_empty() {
        "no drift of gander itself or its load was told".to_owned()
    } else {
        format!("gander itself: {}", told.join(", "))
    }
}

fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{drifting, passing};
    use super::*;

    #[test]
    fn what_changed_is_said_with_its_doubt_and_what_to_think_of_it() {
        let drift = drifting();
        let mut said = format!("{}\n", headline(&drift));
        for (_, row) in changed(&drift) {
            said += &[row.name, row.by, row.interval, row.ends].join(" | ");
            said += "\n";
            row.notes.iter().for_each(|note| said += &["  ", note, "\n"].concat());
        }
        drift.projections.iter().for_each(|found| said += &(projected(found) + "\n"));
        said += &of_gander(&drift);
        insta::assert_snapshot!(said, @"
        3 of 4 figures changed in 12.0 h (a gap in it is in no slope), 1 steady, 0 not told
        sign-on p95 | +24.1% | +14.5% … +33.8% | 409 ms → 520 ms
        sign-on p50 | +0.9% | +0.4% … +1.3% | 149 ms → 150 ms
          jumped from 120 ms to 150 ms at 01:34:41 UTC (7:00:00 into the run, ± 3.00 min): rate changed by hand to 11/s
        customHTMLTemplate submit SIGNON errors | +0.60 pt | – | 0% → 0.50%
          not charged to the tenant: gander's own CPU changed with it
        `sign-on.p95 < 800ms` is broken in 31.0 h (19.0 h … 70.0 h), on 2026-11-23 at 14:05, if it goes on like this
        gander itself: CPU 18.0% → 42.0%
        ");
    }

    #[test]
    fn a_run_that_stayed_as_it_was_says_so() {
        let mut drift = drifting();
        drift.rows.iter_mut().for_each(|row| row.finding = Finding::Steady);
        drift.generator.iter_mut().for_each(|own| own.drifts = false);
        drift.gaps.clear();
        assert_eq!(headline(&drift), "no change of 5.00% or more in 12.0 h: 4 figures, all steady");
        assert_eq!(of_gander(&drift), "no drift of gander itself or its load was told");
    }

    #[test]
    fn what_cannot_be_told_from_chance_is_not_said_to_be_steady() {
        let mut drift = drifting();
        drift.gaps.clear();
        for row in &mut drift.rows {
            (row.finding, row.slope.p) = (Finding::NotTold, 0.101);
            row.jumps.clear();
        }
        drift.rows[3].finding = Finding::Steady;
        // Less than counts, however improbable.
        drift.rows[1].slope.p = 0.0;
        assert_eq!(
            headline(&drift),
            "no drift of 5.00% or more could be told from chance in 12.0 h: of 4 figures 1 steady, \
             3 not told; the likeliest is sign-on p95 +24.1% (+14.5% … +33.8%, of it alone), p = 0.101 \
             among all 45 series"
        );
        drift.rows[0].slope.p = 1e-9;
        assert!(headline(&drift).contains(", p < 0.001 among"), "{}", headline(&drift));
        assert!(changed(&drift).is_empty());
    }

    #[test]
    fn a_rule_about_a_drift_that_does_not_hold_is_named_with_what_it_does_not_ask() {
        let mut summary = passing();
        let rule = |rule: &str, holds| ThresholdSummary {
            rule: rule.to_owned(),
            observed: "44.0%".to_owned(),
            low: Some("19.8%".to_owned()),
            high: Some("68.2%".to_owned()),
            holds,
            ..ThresholdSummary::default()
        };
        summary.thresholds = vec![
            rule("sign-on.drift(p95) < 10%", false),
            rule("drift(p50) < 50%", true),
            rule("faults < 1%", false),
        ];
        assert_eq!(
            broken(&summary),
            [
                "`sign-on.drift(p95) < 10%` does not hold: 44.0% (19.8% … 68.2%); a rule judges what was \
              seen, told from chance or not"
            ]
        );
    }

    #[test]
    fn shares_that_change_by_nothing_have_no_sign() {
        assert_eq!(
            (signed(0.001, 2, " pt"), signed(-0.04, 1, "%")),
            ("0.00 pt".into(), "0.0%".into())
        );
        assert_eq!(
            (signed(0.5, 2, " pt"), signed(-3.0, 1, "%")),
            ("+0.50 pt".into(), "-3.0%".into())
        );
    }
}
