//! Each journey of each variant once: told exchange by exchange, or silently before a load.

use super::codes_told;
use super::exit::{Complaint, Exit, Failure};
use super::narrator::Narrator;
use super::prepare::Ground;
use super::terminal::{Style, Terminal};
use crate::base::clock::Clock;
use crate::codes::settings::Source;
use crate::journey::outcome::Outcome;
use crate::journey::perform::{Answered, Part, Witness, perform};
use crate::measure::fault::Fault;
use crate::report::columns::clean;
use crate::run::preflight::look;
use crate::run::stage::Opened;
use std::time::Duration;

/// Sees nothing.
struct Silent;

impl Witness for Silent {
    fn answered(&mut self, _: &Answered<'_>) {}
}

/// What to look at when a journey fails before any load. Faults that are not here say it themselves.
const ADVICE: &[(Fault, &str)] = &[
    (
        Fault::Http4xx,
        "look at client id, redirect address and flow policy, and at the roles of the worker",
    ),
    (Fault::Http5xx, "try again later; the platform's status page tells of outages"),
    (
        Fault::RateLimited,
        "the licence's rate is used up by others: ask who else is testing, or wait",
    ),
    (
        Fault::Blocked,
        "an edge takes the generator for an attack: the support case has to name its address",
    ),
    (Fault::FlowFailed, "look at the flow's analytics in DaVinci for the node that failed"),
    (Fault::FlowTimedOut, "raise the flow's time-out, or think less between the steps"),
    (Fault::Refused, "walk it with `gander check --walk` and look at what the flow turned down"),
    (Fault::UnexpectedForm, "make a journey for this flow with `gander journeys record`"),
    (Fault::UnmappedField, "give the journey an answer for that field"),
    (
        Fault::MalformedReply,
        "check that the flow is a PingOne flow that ends in a success response for redirect flows",
    ),
    (Fault::NoAccount, "raise `accounts.count`, or look at `accounts.source`"),
    (Fault::Dns, "check `tenant.auth_url`"),
    (Fault::ReadTimeout, "raise `http.reply_timeout`, or look at the flow's outbound calls"),
];

/// What to do about a fault.
fn advice(fault: Fault, source: &Source, is_told: bool) -> &'static str {
    match fault {
        Fault::CodeNotReceived => return codes_told::advice(source),
        // Whoever walks already is not sent to walk.
        Fault::Refused if is_told => return "look above at what the flow turned down",
        _ => {}
    }
    let row = ADVICE.iter().find(|(of, _)| *of == fault);
    row.map_or(fault.entry().meaning, |(_, advice)| advice)
}

/// Performs each journey of each variant once, and tells it where there is somebody to tell. What went
/// wrong comes back; the next free index is behind it.
pub(super) async fn each(ground: &Ground, terminal: Option<&Terminal>) -> (Vec<Complaint>, u64) {
    let mut complaints = Vec::new();
    let Opened { stages, transport, next_index, .. } = &ground.opened;
    let mut index = *next_index;
    let source = &ground.checked.profile.codes.source;
    for (variant, stage) in ground.checked.profile.variants.iter().zip(stages) {
        for (script, _) in &ground.checked.journeys {
            if let Some(terminal) = terminal {
                let title = format!("{} ({})", script.name, variant.name);
                terminal.data(&format!("\n{}", terminal.paint(Style::Strong, &title)));
            }
            let part = Part { script, policy: variant.policy(&script.name), index };
            let mut session = transport.session();
            let mut narrator = terminal.map(|terminal| Narrator::new(terminal, stage));
            let witness: &mut dyn Witness = match &mut narrator {
                Some(narrator) => narrator,
                None => &mut Silent,
            };
            let outcome = perform(stage, part, &mut session, witness).await;
            index += 1;
            if let Some(terminal) = terminal {
                tell(&outcome, terminal);
            }
            if let Err(fault) = outcome.result {
                let detail = detail(&outcome);
                complaints.push(Complaint {
                    what: format!("journey `{}` ended as {}{detail}", script.name, fault.slug()),
                    place: Some(format!("step `{}`", outcome.last_step)),
                    remedy: Some(advice(fault, source, terminal.is_some()).to_owned()),
                });
            }
        }
    }
    (complaints, index)
}

fn detail(outcome: &Outcome) -> String {
    outcome.detail.as_ref().map(|detail| format!(": {}", clean(detail))).unwrap_or_default()
}

fn tell(outcome: &Outcome, terminal: &Terminal) {
    let elapsed = outcome.ended.duration_since(outcome.began).saturating_sub(outcome.waited);
    match outcome.result {
        Ok(()) => terminal.data(&format!(
            "  {}  {}",
            terminal.paint(Style::Good, "goal reached"),
            terminal.paint(Style::Faint, &shown(elapsed, outcome.waited))
        )),
        Err(fault) => terminal.data(&format!(
            "  {} {}{}",
            terminal.paint(Style::Bad, "failed"),
            fault.slug(),
            detail(outcome)
        )),
    }
}

/// Discovery documents and clocks of tenants on this machine, as complaints; those of all others were looked at
/// before anything was made there.
pub(super) async fn discovered(ground: &Ground, clock: &Clock) -> Vec<Complaint> {
    let here = ground.tenants.iter().filter(|tenant| tenant.is_loopback);
    let found = look(here, &ground.opened.transport, clock).await;
    let problems = found.problems.iter().chain(&found.doubts);
    problems.flat_map(|problem| Failure::of(Exit::TenantNotUsable, problem).complaints).collect()
}

/// Before a load: every journey has to reach its goal once. Iterations of the load are numbered behind
/// these.
pub(super) async fn first(ground: &mut Ground, terminal: &Terminal) -> Result<(), Failure> {
    terminal.say("walking each journey once before the load; --no-walk-first leaves it out");
    // Every share walks with people of its own.
    let share = ground.checked.share.unwrap_or_default();
    let walks = (ground.checked.profile.variants.len() * ground.checked.journeys.len()) as u64;
    let first = ground.opened.next_index;
    ground.opened.next_index = first + walks * u64::from(share.index());
    let (complaints, _) = each(ground, None).await;
    ground.opened.next_index = first + walks * u64::from(share.of());
    if complaints.is_empty() {
        Ok(())
    } else {
        ground.tell_codes(0, terminal);
        Err(Failure { exit: Exit::TenantNotUsable, complaints })
    }
}

fn shown(elapsed: Duration, waited: Duration) -> String {
    let milliseconds = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    if waited.is_zero() {
        milliseconds(elapsed)
    } else {
        format!("{} without {} of waiting", milliseconds(elapsed), milliseconds(waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fault::FAULTS;
    use std::collections::BTreeSet;

    #[test]
    fn every_fault_has_advice_and_none_has_two() {
        let of: BTreeSet<_> = ADVICE.iter().map(|(fault, _)| fault.slug()).collect();
        assert_eq!(of.len(), ADVICE.len());
        let source = crate::codes::settings::Settings::default().source;
        for (row, is_told) in FAULTS.iter().flat_map(|row| [(row, false), (row, true)]) {
            let advice = advice(row.fault, &source, is_told);
            assert!(!advice.is_empty());
            assert!(!is_told || !advice.contains("check --walk"), "{advice}");
        }
    }
}
