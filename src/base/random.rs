//! All randomness of a run, from one seed. The only maker of random numbers.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// The number that all randomness of a run comes from. Same seed, same draws, on every machine:
/// ChaCha8 is specified to the bit, unlike the library's default generator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seed(pub u64);

impl Seed {
    /// A seed that nobody chose, from the operating system.
    pub fn unforeseen() -> Self {
        let mut bytes = [0; 8];
        // Without an entropy source there are no TLS handshakes either; zeros are still a seed.
        if aws_lc_rs::rand::fill(&mut bytes).is_err() {
            bytes = [0; 8];
        }
        Self(u64::from_le_bytes(bytes))
    }

    /// An independent stream for one purpose and one index within it. Streams do not disturb each
    /// other: persona 17 is the same person whether or not persona 16 was ever invented.
    pub fn stream(self, purpose: &str, index: u64) -> ChaCha8Rng {
        let mut material = Vec::with_capacity(24 + purpose.len());
        material.extend_from_slice(&self.0.to_le_bytes());
        material.extend_from_slice(&index.to_le_bytes());
        material.extend_from_slice(purpose.as_bytes());
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &material);
        let mut key = [0; 32];
        key.copy_from_slice(digest.as_ref());
        ChaCha8Rng::from_seed(key)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl std::str::FromStr for Seed {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Evenly from 0 up to but not 1, in steps of 2^-53.
pub fn unit(random: &mut impl Rng) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let bits = (random.next_u64() >> 11) as f64;
    bits / 9_007_199_254_740_992.0
}

/// `length` characters drawn from `alphabet`, evenly. An empty alphabet gives an empty text.
pub fn text(random: &mut impl Rng, alphabet: &[u8], length: usize) -> String {
    let Ok(size) = u32::try_from(alphabet.len()) else { return String::new() };
    if size == 0 {
        return String::new();
    }
    let fair = u32::MAX - u32::MAX % size;
    std::iter::repeat_with(|| random.next_u32())
        .filter(|draw| *draw < fair)
        .take(length)
        .map(|draw| char::from(alphabet[(draw % size) as usize]))
        .collect()
}

/// Lower-case letters and digits.
pub const ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_apart() {
        let draw = |seed, purpose, index| Seed(seed).stream(purpose, index).next_u64();
        assert_eq!(draw(7, "persona", 3), draw(7, "persona", 3));
        assert_ne!(draw(7, "persona", 3), draw(7, "persona", 4));
        assert_ne!(draw(7, "persona", 3), draw(7, "mix", 3));
        assert_ne!(draw(7, "persona", 3), draw(8, "persona", 3));
    }

    #[test]
    fn text_uses_the_whole_alphabet_and_nothing_else() {
        let drawn = text(&mut Seed(1).stream("text", 0), b"abc", 300);
        assert_eq!(drawn.len(), 300);
        for letter in ['a', 'b', 'c'] {
            assert!(drawn.matches(letter).count() > 60, "{letter} in {drawn}");
        }
        assert_eq!(text(&mut Seed(1).stream("text", 0), b"", 5), "");
    }
}
