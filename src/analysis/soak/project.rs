//! When a rule that holds will be broken, if it goes on like this.

use super::found::{CONFIDENCE, Ground};
use super::line::Line;
use super::series::Series;
use crate::analysis::observed::Observed;
use crate::analysis::rule::{Limit, Rule};
use crate::analysis::statistics::student;
use crate::result::soak::Projection;

/// Nothing is foretold further ahead than so many times what was measured.
const FURTHEST: f64 = 100.0;

/// The projection of a rule's series whose slope is shown. None where it leads away from the limit, is there
/// already, or needs too long to say anything.
///
/// The line is taken to turn about the middle of the newest segment, where its level is known best: the
/// limit is met (limit − level) ÷ slope after that. The ends of the interval take the ends of both.
pub fn projection(
    on: &Ground<'_>,
    rule: &Rule,
    series: &Series,
    (line, measured_s): (&Line, f64),
) -> Option<Projection> {
    let limit = match rule.limit.value {
        Limit::Time(limit) => Observed::Time(limit.0.as_secs_f64() * 1e6),
        Limit::Share(limit) => Observed::Share(limit.0),
        Limit::Rate(limit) => Observed::Rate(limit.per_second),
    };
    let (low, high) = line.interval(CONFIDENCE)?;
    let (newest_s, level) = line.newest;
    let ends_s = series.points.last()?.at_s;
    let away = limit.value() - level;
    let left_s = away / line.per_s - (ends_s - newest_s);
    let is_ahead =
        away.signum() == line.per_s.signum() && rule.op.wants_low() == (line.per_s > 0.0);
    if !is_ahead || !left_s.is_finite() || left_s <= 0.0 || left_s > FURTHEST * measured_s {
        return None;
    }
    let reach = student::quantile(line.freedom, f64::midpoint(1.0, CONFIDENCE)) * line.newest_error;
    // Towards the limit: the steepest slope from nearest to it, and the flattest from furthest.
    let (fast, slow) = if line.per_s > 0.0 { (high, low) } else { (low, high) };
    let toward = reach * line.per_s.signum();
    let soonest = (away - toward) / fast - (ends_s - newest_s);
    let latest = (away + toward) / slow - (ends_s - newest_s);
    let is_sure = slow.signum() == line.per_s.signum() && slow != 0.0;
    Some(Projection {
        rule: rule.to_string(),
        in_s: left_s,
        low_s: soonest.max(0.0),
        high_s: (is_sure && latest.is_finite()).then_some(latest),
        at: on.stamp(ends_s + left_s),
    })
}
