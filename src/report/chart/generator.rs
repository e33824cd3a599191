//! How the load was made: users at work, lag, and what it cost the machine.

use super::axis::{Axis, real};
use super::colour::{BLUE, GREEN, MAGENTA, ORANGE, RED};
use super::figure::{About, Dashes, Figure, Sheet};
use super::panel::{Anchor, Panel};
use super::percentiles::say_time;
use super::timeline::{Timeline, Trace, least, most, over};
use crate::measure::course::Moment;
use crate::measure::histogram::{Percentile, Times};
use crate::measure::timeline::CPU_LIMIT;
use crate::report::figures;
use plotters::style::RGBColor;

/// Which lag, its name, its colour and its width. The first two are there in the open model alone.
type Lag = (&'static str, fn(&Moment) -> &Times, RGBColor, u32);

const LAGS: &[Lag] = &[
    ("lag p99", |moment| &moment.lag, ORANGE, 20),
    ("dispatcher lag p99", |moment| &moment.dispatch_lag, MAGENTA, 15),
    ("timer lag p99", |moment| &moment.scheduler_lag, GREEN, 15),
];

const USERS_TOP: u32 = 26;
const USERS_BOTTOM: u32 = 136;
const LAG_TOP: u32 = 172;
const SHEET: u32 = 330;

/// Users at work above, lag below.
pub(super) fn users_and_lag(timeline: &Timeline<'_>) -> Option<Figure> {
    let users = timeline.each(|moment| Some(real(moment.users)));
    let users = Trace {
        is_filled: true,
        ..Trace::new("users at work", BLUE, users, |users| format!("{users:.0}"))
    };
    let lags: Vec<Trace> = LAGS.iter().filter_map(|lag| lag_trace(timeline, lag)).collect();
    let peak = users.peak().unwrap_or_default();
    if peak == 0.0 && lags.is_empty() {
        return None;
    }
    let above = Panel {
        top: USERS_TOP,
        bottom: if lags.is_empty() { SHEET - 40 } else { USERS_BOTTOM },
        ..Panel::filling(SHEET, timeline.axis(), Axis::whole("users at work", peak, 4.0))
    };
    let mut sheet = Sheet::default();
    timeline.shade(&mut sheet, &above)?;
    sheet.add(&if lags.is_empty() { above.mesh() } else { above.mesh_above() }?);
    timeline.events(&mut sheet, &above, false)?;
    let mut readout = timeline.readout(&above, std::slice::from_ref(&users));
    timeline.lines(&mut sheet, &above, std::slice::from_ref(&users))?;
    if !lags.is_empty() {
        let values = || lags.iter().flat_map(|trace| trace.values.iter().copied());
        let axis = Axis::few_times("lag", least(values())?, most(values())?);
        let below = Panel { top: LAG_TOP, ..Panel::filling(SHEET, timeline.axis(), axis) };
        timeline.shade(&mut sheet, &below)?;
        sheet.add(&below.mesh()?);
        timeline.events(&mut sheet, &below, false)?;
        timeline.lines(&mut sheet, &below, &lags)?;
        readout.series.extend(lags.iter().map(|trace| timeline.track(&below, trace)));
    }
    let said: Vec<_> = std::iter::once(&users).chain(&lags).filter_map(Trace::peak_said).collect();
    let about = About {
        id: "users-and-lag".to_owned(),
        title: "Users and lag".to_owned(),
        alt: format!("Users at work and lag {}: {}.", over(timeline), said.join(", ")),
        caption: "Lag is the time from when an iteration was due to its first request; the \
                  dispatcher's part of it and the lateness of the generator's own timer are \
                  gander's, the rest is waiting for a free user."
            .to_owned(),
    };
    Some(sheet.figure(about, SHEET, &readout))
}

fn lag_trace(timeline: &Timeline<'_>, (name, of, colour, tenths_wide): &Lag) -> Option<Trace> {
    let values = timeline.each(|moment| of(moment).at(Percentile::P99).map(real));
    values
        .iter()
        .any(Option::is_some)
        .then(|| Trace { tenths_wide: *tenths_wide, ..Trace::new(name, *colour, values, say_time) })
}

/// The highest CPU share of each moment, with the limit beyond which times cannot be trusted. None
/// where the system does not tell.
pub(super) fn cpu(timeline: &Timeline<'_>) -> Option<Figure> {
    let values = timeline.each(|moment| moment.cpu_share);
    let highest = most(values.iter().copied())?;
    let trace = Trace { is_filled: true, ..Trace::new("CPU share", BLUE, values, figures::share) };
    let panel = Panel::filling(
        200,
        timeline.axis(),
        Axis::share("share of the generator's cores", highest),
    );
    let mut sheet = Sheet::default();
    timeline.shade(&mut sheet, &panel)?;
    sheet.add(&panel.mesh()?);
    timeline.events(&mut sheet, &panel, false)?;
    timeline.lines(&mut sheet, &panel, std::slice::from_ref(&trace))?;
    let limit = [(panel.x.low(), CPU_LIMIT), (panel.x.high(), CPU_LIMIT)];
    sheet.dashed("limit", Dashes::Long, &panel.strokes([limit], RED, 10)?);
    let (_, height) = panel.pixel((0.0, CPU_LIMIT));
    let label = format!("limit {:.0}%", CPU_LIMIT * 100.0);
    sheet.add(&panel.text(
        (f64::from(panel.right) - 4.0, height + 9.0),
        &label,
        Anchor::End,
        RED,
    )?);
    let about = About {
        id: "generator-cpu".to_owned(),
        title: "CPU of the generator".to_owned(),
        alt: format!(
            "CPU share of gander itself {}: at most {} of its cores, the limit is {}.",
            over(timeline),
            figures::share(highest),
            figures::share(CPU_LIMIT)
        ),
        caption: "The highest share of each moment. Above the limit the generator may have been \
                  what was slow, and not the tenant."
            .to_owned(),
    };
    let readout = timeline.readout(&panel, std::slice::from_ref(&trace));
    Some(sheet.figure(about, panel.sheet, &readout))
}
