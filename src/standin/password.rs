//! Passwords as kept: a salted digest, not the text.
//!
//! One round of SHA-256. That is no protection worth the name for real passwords and is not meant
//! to be: these are invented, and a slow hash would make the stand-in the limit of a load test.

use aws_lc_rs::digest::{SHA256, digest};
use rand::Rng;

/// A password as kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hashed {
    salt: [u8; 8],
    digest: [u8; 32],
}

impl Hashed {
    /// Hashes a password with a salt drawn from `random`.
    pub fn of(password: &str, random: &mut impl Rng) -> Self {
        let salt = random.next_u64().to_le_bytes();
        Self { salt, digest: salted(salt, password) }
    }

    /// Whether this is the password.
    pub fn matches(&self, password: &str) -> bool {
        salted(self.salt, password) == self.digest
    }
}

fn salted(salt: [u8; 8], password: &str) -> [u8; 32] {
    let mut material = Vec::with_capacity(salt.len() + password.len());
    material.extend_from_slice(&salt);
    material.extend_from_slice(password.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, &material).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Seed;

    #[test]
    fn a_hash_matches_its_password_and_no_other() {
        let mut random = Seed(1).stream("test", 0);
        let (one, two) = (Hashed::of("Lt9!x", &mut random), Hashed::of("Lt9!x", &mut random));
        assert!(one.matches("Lt9!x") && !one.matches("Lt9!y"));
        assert_ne!(one, two, "salted");
    }
}
