//! The tenant's signing key: made at start, published as JWKS, used for every token.

use super::settings::Signing;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Value, json};

/// A key pair and what is told about it.
pub struct Keys {
    private: Pair,
    public: DecodingKey,
    algorithm: Algorithm,
    /// The documents of the JWKS endpoints.
    pub jwks: Value,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// The private part, kept ready for use: the token library would read and check the key again for
/// every signature, which takes longer than signing.
enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

/// Name of the one key in the JWKS.
const KEY_ID: &str = "stand-in";

impl Keys {
    /// Makes a key pair. RSA takes a fraction of a second.
    pub fn generate(signing: Signing) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let (private, encoded, algorithm) = match signing {
            Signing::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                let bare = private_key_of(der.as_ref()).ok_or(Unspecified)?;
                (Pair::Rsa(pair), EncodingKey::from_rsa_der(bare), Algorithm::RS256)
            }
            Signing::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
                let der = pair.to_pkcs8v1()?;
                (Pair::Ec(pair), EncodingKey::from_ec_der(der.as_ref()), Algorithm::ES256)
            }
        };
        let mut jwk = Jwk::from_encoding_key(&encoded, algorithm)?;
        jwk.common.key_id = Some(KEY_ID.to_owned());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public = DecodingKey::from_jwk(&jwk)?;
        Ok(Self { private, public, algorithm, jwks: json!({ "keys": [jwk] }) })
    }

    /// Name of the algorithm, `RS256` or `ES256`.
    pub fn algorithm(&self) -> &'static str {
        if self.algorithm == Algorithm::RS256 { "RS256" } else { "ES256" }
    }

    /// Signs claims as a JWT (compact serialisation of RFC 7515). None only if the cryptographic
    /// library fails.
    pub fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "typ": "JWT", "alg": self.algorithm(), "kid": KEY_ID });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let random = SystemRandom::new();
        let signature = match &self.private {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).ok()?;
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message.as_bytes()).ok()?.as_ref().to_vec(),
        };
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that this key signed. Whether they still hold is for the caller.
    pub fn verify(&self, token: &str) -> Option<Value> {
        let mut validation = Validation::new(self.algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(token, &self.public, &validation).ok().map(|token| token.claims)
    }
}

/// The key inside a PKCS #8 envelope: a sequence of version, algorithm and the key as octets.
fn private_key_of(envelope: &[u8]) -> Option<&[u8]> {
    let (content, _) = der_value(envelope)?;
    let (_version, rest) = der_value(content)?;
    let (_algorithm, rest) = der_value(rest)?;
    let (key, _) = der_value(rest)?;
    Some(key)
}

/// Content of the first DER value, and what follows it.
fn der_value(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[_tag, first], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = bytes.iter().try_fold(0usize, |length, byte| {
            length.checked_mul(256)?.checked_add(usize::from(*byte))
        })?;
        (length, rest)
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_verified_by_the_key_that_signed_them_and_by_no_other() {
        for signing in [Signing::Rs256, Signing::Es256] {
            let keys = Keys::generate(signing).unwrap();
            let token = keys.sign(&json!({ "sub": "x" })).unwrap();
            assert_eq!(keys.verify(&token).unwrap()["sub"], "x");
            assert_eq!(Keys::generate(Signing::Es256).unwrap().verify(&token), None);
            assert_eq!(keys.verify(&format!("{token}x")), None);
            assert_eq!(keys.jwks["keys"][0]["alg"], keys.algorithm());
            assert_eq!(keys.jwks["keys"][0]["use"], "sig");
            assert!(keys.jwks["keys"][0].get("d").is_none(), "the private part stays here");
        }
    }

    #[test]
    fn a_damaged_envelope_is_no_key() {
        assert_eq!(private_key_of(&[]), None);
        assert_eq!(private_key_of(&[0x30, 0x84, 0xff, 0xff]), None);
        assert_eq!(private_key_of(&[0x30, 0x05, 2, 1, 0]), None);
    }
}
