//! The failing exchanges of all parts: as many of each as there is room for, fairly.

use super::Source;
use crate::measure::failing::FaultSample;
use crate::result::run_dir::{FAULTS, RunDirError};
use crate::result::writer::MOST_FAULTS;
use serde::de::IgnoredAny;

/// Samples of all parts by their time. `offsets_ms` are how much later each part began.
pub(super) fn sampled(
    sources: &[Source],
    offsets_ms: &[u64],
) -> Result<Vec<FaultSample>, RunDirError> {
    let mut there = Vec::new();
    for source in sources {
        let mut number = 0;
        source.dir.each_line(FAULTS, |_: IgnoredAny| number += 1)?;
        there.push(number);
    }
    let mut samples = Vec::new();
    for ((source, offset_ms), (there, wanted)) in
        sources.iter().zip(offsets_ms).zip(there.iter().zip(shared_out(&there, MOST_FAULTS)))
    {
        if wanted == 0 {
            continue;
        }
        let (mut number, mut taken) = (0, 0);
        source.dir.each_line(FAULTS, |sample: serde_json::Value| {
            // Evenly from beginning to end.
            if taken < wanted && number * wanted >= taken * there {
                taken += 1;
                samples.push((*offset_ms, sample));
            }
            number += 1;
        })?;
    }
    let read = |(offset_ms, sample): (u64, serde_json::Value)| {
        let sample: FaultSample = serde_json::from_value(sample).ok()?;
        let at_us = sample.at_us.saturating_add(offset_ms.saturating_mul(1000));
        Some(FaultSample { at_us, ..sample })
    };
    let mut samples: Vec<_> = samples.into_iter().filter_map(read).collect();
    samples.sort_by_key(|sample| sample.at_us);
    Ok(samples)
}

/// How many each gets of `room` who has so many: the same for all, and what one does not need is for the others.
fn shared_out(there: &[usize], room: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..there.len()).collect();
    order.sort_by_key(|place| there[*place]);
    let (mut left, mut given) = (room, vec![0; there.len()]);
    for (done, place) in order.into_iter().enumerate() {
        let fair = left / (there.len() - done);
        given[place] = there[place].min(fair);
        left -= given[place];
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_one_does_not_need_is_for_the_others() {
        assert_eq!(shared_out(&[5, 0, 1000, 1000], 100), [5, 0, 47, 48]);
        assert_eq!(shared_out(&[1; 3], 100), [1, 1, 1]);
        assert_eq!(shared_out(&[9; 4], 2).iter().sum::<usize>(), 2);
        assert_eq!(shared_out(&[], 2), [0; 0]);
    }

    proptest! {
        #[test]
        fn all_room_is_used_and_nobody_gets_more_than_there_is(
            there in prop::collection::vec(0usize..50, 0..20), room in 0usize..300,
        ) {
            let given = shared_out(&there, room);
            prop_assert!(given.iter().zip(&there).all(|(given, there)| given <= there));
            prop_assert_eq!(given.iter().sum::<usize>(), room.min(there.iter().sum()));
        }
    }
}
