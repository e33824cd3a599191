//! Sees to it that a run ends, on a thread of its own, so that even a runtime that stands still is
//! noticed.

use super::crew::Crew;
use super::engine;
use super::gate::EndedBy;
use super::performer::Performer;
use crate::measure::sample::Ending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest look away while the gate is open; what is known beforehand wakes it in time.
const REST: Duration = Duration::from_millis(500);

/// How often the halt is repeated once the gate is closed.
const REPEAT: Duration = Duration::from_millis(20);

/// A look away that took longer than this was a pause of the process or of the whole machine: nobody could
/// heed the cut meanwhile, and it does not count against their patience.
const LONGEST_LOOK: Duration = Duration::from_millis(200);

/// Watches a crew until its attack is `over` or has to be given up: then the answer is how many
/// iterations are stuck.
pub(super) fn watch<P: Performer>(crew: &Crew<P>, over: &AtomicBool) -> Option<usize> {
    let gate = &crew.gate;
    let mut is_cut = false;
    let mut waited = Duration::ZERO;
    let mut looked = gate.clock.now();
    loop {
        let seen = gate.stop.rings();
        let now = gate.clock.now();
        let away = now.saturating_duration_since(looked).min(LONGEST_LOOK);
        waited += if is_cut { away } else { Duration::ZERO };
        looked = now;
        if over.load(Ordering::SeqCst) {
            if gate.closing().is_none() {
                // Goose went on its own account. Whoever it left is not to work unseen.
                gate.close(now, EndedBy::Stop);
                crew.cut();
                crew.abandon();
            }
            // Nobody is left to serve them.
            crew.turn_away(gate.desk.forsake(), Ending::CutOff);
            return None;
        }
        let expected = gate.look(now);
        let Some(closing) = gate.closing() else {
            gate.stop.wait(seen, expected.unwrap_or(REST).min(REST));
            continue;
        };
        engine::halt();
        if closing.by == EndedBy::Stop || closing.by == EndedBy::Late {
            // Nothing new begins, and those who wait have not begun.
            crew.turn_away(gate.desk.turn_all_away(), Ending::CutOff);
        }
        let drained =
            closing.at.checked_add(gate.plan.workload.drain).is_some_and(|end| end <= now);
        if !is_cut && (drained || gate.is_urgent()) {
            is_cut = true;
            crew.cut();
        }
        if is_cut && waited >= gate.plan.patience {
            return Some(crew.abandon());
        }
        gate.stop.wait(seen, REPEAT);
    }
}
