//! Timelines of real runs as the tenant of a comparison: dealt out at random to two variants that are the
//! same, one of which is then changed by a known amount.

use crate::world::{Ends, line, row, whole_us};
use gander::base::random::{Seed, unit};
use gander::measure::counts::FaultCounts;
use gander::measure::histogram::Times;
use gander::measure::series::{Kind, Outcome, Phase, SeriesKey};
use gander::measure::timeline::JourneyLine;
use gander::measure::windows::{Cell, Track, Windows};
use rand::Rng;

/// A real run, window by window.
pub(crate) struct Recorded {
    width_ms: u64,
    tracks: Vec<(Track, Vec<Cell>)>,
}

impl Recorded {
    pub(crate) fn new(windows: &Windows) -> Self {
        let cells = |track: &Track| windows.cells(|other| other == track);
        let tracks = windows.tracks().map(|track| (track.clone(), cells(track))).collect();
        Self { width_ms: windows.width_ms(), tracks }
    }

    pub(crate) fn windows(&self) -> usize {
        self.tracks.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0)
    }

    /// Each sample goes to `v1` or `v2`, by chance; those of `v2` take `1 + change` times as long.
    pub(crate) fn dealt(&self, seed: u64, change: f64) -> Windows {
        let mut random = Seed(seed).stream("dealt out", 0);
        let mut windows = Windows::new(self.width_ms, self.windows().max(1));
        for place in 0..self.windows() {
            let mut dealt = Dealt::default();
            for (track, cells) in &self.tracks {
                let halves = split(&cells[place], &mut random);
                for (half, (variant, scale)) in
                    halves.iter().zip([("v1", 1.0), ("v2", 1.0 + change)])
                {
                    dealt.add(track, half, variant, scale);
                }
            }
            let line = line(place as u64, self.width_ms, dealt.rows);
            windows.absorb_line(&line);
            for (key, times) in dealt.series {
                windows.absorb_times(&key, (line.start_ms, line.end_ms), &times);
            }
        }
        windows
    }
}

/// What one variant gets of one window.
struct Half {
    times: Vec<(u64, u32)>,
    faults: FaultCounts,
    cut_off: u64,
}

fn split(cell: &Cell, random: &mut impl Rng) -> [Half; 2] {
    let mut halves =
        [(); 2].map(|()| Half { times: Vec::new(), faults: FaultCounts::default(), cut_off: 0 });
    let mut toss = |number: u64| (0..number).map(|_| u64::from(unit(random) < 0.5)).sum::<u64>();
    cell.pool.good.each(|_, longest, count| {
        let first = u32::try_from(toss(count.into())).unwrap_or(count);
        halves[0].times.push((longest, first));
        halves[1].times.push((longest, count - first));
    });
    for (fault, number) in cell.pool.faults.iter() {
        let first = toss(number);
        halves[0].faults.add(fault, first);
        halves[1].faults.add(fault, number - first);
    }
    let cut_off = cell.pool.beyond - cell.pool.faults.beyond_any_limit().min(cell.pool.beyond);
    halves[0].cut_off = toss(cut_off);
    halves[1].cut_off = cut_off - halves[0].cut_off;
    halves
}

#[derive(Default)]
struct Dealt {
    rows: Vec<JourneyLine>,
    series: Vec<(SeriesKey, Times)>,
}

impl Dealt {
    fn add(&mut self, track: &Track, half: &Half, variant: &str, scale: f64) {
        let variant = variant.into();
        let of_journey =
            |kind| SeriesKey::of_journey(Phase::Measured, &variant, track.journey(), kind);
        match track {
            Track::Iterations { journey, .. } => {
                let completed: u64 = half.times.iter().map(|(_, count)| u64::from(*count)).sum();
                let due = completed + half.faults.total() + half.cut_off;
                let (cut_off, faults) = (half.cut_off, half.faults.clone());
                self.rows.push(row(&variant, journey, Ends { due, completed, cut_off, faults }));
                self.push(of_journey(Kind::Response), &half.times, scale);
            }
            Track::Exchanges { step, capability, event, action, .. } => {
                let key = |outcome| SeriesKey {
                    step: step.clone(),
                    capability: capability.clone(),
                    event: event.clone(),
                    action: action.clone(),
                    outcome: Some(outcome),
                    ..of_journey(Kind::Exchange)
                };
                self.push(key(Outcome::Advanced), &half.times, scale);
                for (fault, number) in half.faults.iter() {
                    let number = u32::try_from(number).unwrap_or(u32::MAX);
                    self.push(key(Outcome::Fault(fault)), &[(1000, number)], 1.0);
                }
            }
        }
    }

    fn push(&mut self, key: SeriesKey, counted: &[(u64, u32)], scale: f64) {
        let mut times = Times::new(key.bounds());
        for (time_us, count) in counted {
            (0..*count).for_each(|_| times.record(whole_us(*time_us as f64 * scale)));
        }
        if !times.is_empty() {
            self.series.push((key, times));
        }
    }
}
