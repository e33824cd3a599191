//! Histograms of an interval log, unpacked straight into the pages where something was counted: a
//! histogram of the library is a hundred kilobytes to clear and to walk over, of which a window fills a
//! few, and the log of a day has a hundred thousand of them.

use crate::measure::histogram::{Bounds, Times};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Decompress, FlushDecompress, Status};

/// First number of a compressed histogram of version 2, and of what is in it (`HdrHistogram`,
/// `V2CompressedEncodingCookieBase` and `V2EncodingCookieBase`, with the bit of a word size).
const COMPRESSED: u32 = 0x1c84_9304 | 0x10;
const PLAIN: u32 = 0x1c84_9303 | 0x10;

/// Cookie, length of the counts, offset, digits, lowest and highest time, and a ratio.
const HEAD: usize = 40;

/// What a histogram of ours can take at most: nine bytes for each of its counters, and the head.
const LONGEST: usize = 9 * 24_000 + HEAD;

/// Unpacks one histogram after the other in the same memory.
pub(super) struct Unpacker {
    packed: Vec<u8>,
    plain: Vec<u8>,
    inflater: Decompress,
}

impl Default for Unpacker {
    fn default() -> Self {
        Self { packed: Vec::new(), plain: Vec::new(), inflater: Decompress::new(true) }
    }
}

impl Unpacker {
    /// Adds the times of a line's last column to others of the same bounds, as [`Times::add`] would. None for anything
    /// but a compressed histogram with these bounds; then a part of it may have been added.
    pub(super) fn unpack_into(
        &mut self,
        text: &str,
        bounds: Bounds,
        times: &mut Times,
    ) -> Option<()> {
        self.packed.clear();
        STANDARD.decode_vec(text, &mut self.packed).ok()?;
        let mut packed = Bytes(&self.packed);
        let (cookie, length) = (packed.u32()?, packed.u32()?);
        let packed = packed.take(usize::try_from(length).ok()?)?;
        if cookie != COMPRESSED {
            return None;
        }
        self.inflater.reset(true);
        self.plain.clear();
        // Usually a few times as long; what has no room yet goes on where it was.
        self.plain.reserve(packed.0.len().saturating_mul(4).clamp(FIRST_ROOM, LONGEST));
        loop {
            let read = usize::try_from(self.inflater.total_in()).ok()?;
            let rest = packed.0.get(read..)?;
            let finish = FlushDecompress::Finish;
            match self.inflater.decompress_vec(rest, &mut self.plain, finish).ok()? {
                Status::StreamEnd => break,
                // A torn stream, or one that is longer than any histogram of ours.
                _ if self.plain.len() < self.plain.capacity() => return None,
                _ if self.plain.len() >= LONGEST => return None,
                _ => self.plain.reserve(self.plain.len().max(1)),
            }
        }
        count(Bytes(&self.plain), bounds, times)
    }
}

/// Room for a histogram of usual size.
const FIRST_ROOM: usize = 4 << 10;

fn count(mut plain: Bytes<'_>, bounds: Bounds, times: &mut Times) -> Option<()> {
    let (cookie, length, offset, digits) = (plain.u32()?, plain.u32()?, plain.u32()?, plain.u32()?);
    let (low, high, _ratio) = (plain.u64()?, plain.u64()?, plain.u64()?);
    let fits = cookie == PLAIN && offset == 0 && bounds.are(low, high, digits);
    let mut counts = plain.take(usize::try_from(length).ok()?).filter(|_| fits)?;
    let mut place = 0usize;
    while !counts.0.is_empty() {
        let number = counts.zigzag()?;
        match u64::try_from(number) {
            Ok(0) => place += 1,
            Ok(count) => {
                times.count_at(place, count)?;
                place += 1;
            }
            // So many places without a count.
            Err(_) => place = place.checked_add(usize::try_from(number.unsigned_abs()).ok()?)?,
        }
    }
    Some(())
}

/// Bytes that are still to be read.
#[derive(Clone, Copy)]
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*chunk)
    }

    fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_be_bytes)
    }

    fn take(self, length: usize) -> Option<Self> {
        self.0.get(..length).map(Self)
    }

    /// A signed number in groups of seven bits, the lowest first, the ninth byte whole (`HdrHistogram`
    /// calls it ZigZag LEB128-64b9B).
    #[inline]
    fn zigzag(&mut self) -> Option<i64> {
        // Most of them are one byte long.
        if let Some((byte, rest)) = self.0.split_first().filter(|(byte, _)| **byte < 0x80) {
            self.0 = rest;
            return Some(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        let mut number = 0u64;
        for group in 0..9 {
            let [byte] = self.chunk()?;
            let is_last = group == 8 || byte & 0x80 == 0;
            let bits = if group == 8 { byte } else { byte & 0x7f };
            number |= u64::from(bits) << (7 * group);
            if is_last {
                break;
            }
        }
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
    use proptest::prelude::*;

    fn packed(times: &Times, bounds: Bounds) -> String {
        let mut histogram = bounds.histogram();
        times.fill(&mut histogram);
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&histogram, &mut bytes).unwrap();
        STANDARD.encode(bytes)
    }

    fn unpack(text: &str, bounds: Bounds) -> Option<Times> {
        let mut times = Times::new(bounds);
        Unpacker::default().unpack_into(text, bounds, &mut times).map(|()| times)
    }

    fn any_bounds() -> impl Strategy<Value = Bounds> {
        prop::sample::select(vec![Bounds::Exchange, Bounds::Journey, Bounds::Coarse])
    }

    proptest! {
        #[test]
        fn what_the_library_packs_is_unpacked(
            bounds in any_bounds(),
            values in prop::collection::vec((1u64..119_000_000, 1u32..50), 0..60),
        ) {
            let mut times = Times::new(bounds);
            for (value, count) in values {
                (0..count).for_each(|_| times.record(value));
            }
            let unpacked = unpack(&packed(&times, bounds), bounds);
            prop_assert_eq!(unpacked, Some(times));
        }

        #[test]
        fn unpacking_into_others_is_adding(
            bounds in any_bounds(),
            one in prop::collection::vec((1u64..119_000_000, 1u64..50), 0..60),
            other in prop::collection::vec((1u64..119_000_000, 1u64..50), 0..60),
        ) {
            let of = |values: &[(u64, u64)]| {
                let mut times = Times::new(bounds);
                values.iter().for_each(|(value, count)| (0..*count).for_each(|_| times.record(*value)));
                times
            };
            let (one, other) = (of(&one), of(&other));
            let (mut sum, mut unpacked) = (one.clone(), one);
            sum.add(&other);
            Unpacker::default().unpack_into(&packed(&other, bounds), bounds, &mut unpacked).unwrap();
            prop_assert_eq!(unpacked.count(), sum.count());
            prop_assert_eq!(unpacked, sum);
        }

        #[test]
        fn no_bytes_make_it_panic(
            bounds in any_bounds(),
            place in 0usize..200,
            byte in any::<u8>(),
            counts in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut times = Times::new(bounds);
            times.record(25_000);
            let mut bytes = STANDARD.decode(packed(&times, bounds)).unwrap();
            let length = bytes.len();
            bytes[place % length] = byte;
            let _ = unpack(&STANDARD.encode(&bytes), bounds);
            let mut plain = Vec::new();
            for number in [PLAIN, u32::try_from(counts.len()).unwrap(), 0, 3] {
                plain.extend(number.to_be_bytes());
            }
            for number in [1, 120_000_000, 0u64] {
                plain.extend(number.to_be_bytes());
            }
            plain.extend(&counts);
            let _ = count(Bytes(&plain), bounds, &mut Times::new(bounds));
        }
    }

    #[test]
    fn the_largest_count_is_read_and_what_a_counter_cannot_take_is_refused() {
        let of = |count: u64| {
            let mut times = Times::new(Bounds::Exchange);
            times.count_at(17, count).map(|()| times.count())
        };
        assert_eq!(of(u64::from(u32::MAX)), Some(u64::from(u32::MAX)));
        assert_eq!(of(u64::from(u32::MAX) + 1), None);
        assert_eq!(Times::new(Bounds::Exchange).count_at(1 << 20, 1), None);
    }

    #[test]
    fn a_histogram_with_other_bounds_is_none() {
        let text = packed(&Times::new(Bounds::Exchange), Bounds::Exchange);
        assert!(unpack(&text, Bounds::Exchange).is_some());
        assert!(unpack(&text, Bounds::Journey).is_none());
    }
}
