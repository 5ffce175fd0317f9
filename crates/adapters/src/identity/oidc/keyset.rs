//! The public keys of an issuer (RFC 7517), as tokens find them: by their name and by how they sign. What a key is for is said
//! by the issuer and by the configuration, never by a token. It must not know where keys come from.

use std::collections::HashMap;

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde_json::Value;
use sluicegate_core::TokenAlgorithm;

use super::strict;

/// The most keys of one issuer.
const MOST: usize = 100;

/// Bytes of an RSA modulus: less is weak, more makes each token expensive.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// The keys of one moment.
pub(super) struct KeySet {
    keys: HashMap<String, Vec<(TokenAlgorithm, DecodingKey)>>,
    /// Another for each set that is not like the one before it.
    pub(super) number: u64,
}

impl KeySet {
    /// The keys that stand in `text` and can be used with `algorithms`.
    ///
    /// # Errors
    /// It is no set of keys, or has none that can be used.
    pub(super) fn parse(text: &[u8], algorithms: &[TokenAlgorithm], number: u64) -> Result<Self, String> {
        let set =
            strict::read(text).map_err(|error| format!("the keys are no JSON, each key of an object once: {error}"))?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or("there is no list `keys`")?;
        if listed.len() > MOST {
            return Err(format!("there are more than {MOST} keys"));
        }
        let mut keys: HashMap<String, Vec<(TokenAlgorithm, DecodingKey)>> = HashMap::new();
        for jwk in listed {
            let Some(name) = jwk.get("kid").and_then(Value::as_str) else { continue };
            for algorithm in algorithms.iter().copied().filter(|algorithm| is_for(jwk, *algorithm)) {
                let known = keys.entry(name.to_owned()).or_default();
                // Of two with one name the first stays: which one a token means must not be guessed.
                if !known.iter().any(|(other, _)| *other == algorithm)
                    && let Some(key) = key(jwk, algorithm)
                {
                    known.push((algorithm, key));
                }
            }
        }
        keys.retain(|_, known| !known.is_empty());
        if keys.is_empty() {
            let accepted = algorithms.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ");
            return Err(format!("no key among {} that has a `kid` and signs with {accepted}", listed.len()));
        }
        Ok(Self { keys, number })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is a key of this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.keys.contains_key(name)
    }

    /// Whether `signature` over `signed` was made with the key of this name, in this way.
    pub(super) fn verify(&self, name: &str, algorithm: TokenAlgorithm, signed: &str, signature: &Vec<u8>) -> bool {
        let known = self.keys.get(name).and_then(|known| known.iter().find(|(how, _)| *how == algorithm));
        let Some((_, key)) = known else { return false };
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&library(algorithm), key);
        verifier.is_ok_and(|verifier| verifier.verify(signed.as_bytes(), signature).is_ok())
    }
}

/// Whether a key is there to verify signatures of this sort, as far as it says.
fn is_for(jwk: &Value, algorithm: TokenAlgorithm) -> bool {
    let says = |name: &str, wanted: &str| jwk.get(name).is_none_or(|said| said.as_str() == Some(wanted));
    let verifies =
        |said: &Value| said.as_array().is_some_and(|said| said.iter().any(|operation| operation == "verify"));
    says("use", "sig") && says("alg", algorithm.as_str()) && jwk.get("key_ops").is_none_or(verifies)
}

/// The key, where it is of the right kind and of a size that is right.
fn key(jwk: &Value, algorithm: TokenAlgorithm) -> Option<DecodingKey> {
    use TokenAlgorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let kind = (text("kty")?, text("crv"));
    match (algorithm, kind) {
        (Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512, ("RSA", _)) => {
            let key = DecodingKey::from_rsa_components(text("n")?, text("e")?).ok()?;
            let fits = match key.kind() {
                DecodingKeyKind::RsaModulusExponent { n, e } => {
                    MODULUS.contains(&n.len()) && (1..=4).contains(&e.len())
                }
                DecodingKeyKind::SecretOrDer(_) => false,
            };
            fits.then_some(key)
        }
        (Es256, ("EC", Some("P-256"))) => of_length(DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?, 65),
        (Es384, ("EC", Some("P-384"))) => of_length(DecodingKey::from_ec_components(text("x")?, text("y")?).ok()?, 97),
        (EdDsa, ("OKP", Some("Ed25519"))) => of_length(DecodingKey::from_ed_components(text("x")?).ok()?, 32),
        _ => None,
    }
}

fn of_length(key: DecodingKey, length: usize) -> Option<DecodingKey> {
    let fits = matches!(key.kind(), DecodingKeyKind::SecretOrDer(bytes) if bytes.len() == length);
    fits.then_some(key)
}

const fn library(algorithm: TokenAlgorithm) -> Algorithm {
    match algorithm {
        TokenAlgorithm::Rs256 => Algorithm::RS256,
        TokenAlgorithm::Rs384 => Algorithm::RS384,
        TokenAlgorithm::Rs512 => Algorithm::RS512,
        TokenAlgorithm::Ps256 => Algorithm::PS256,
        TokenAlgorithm::Ps384 => Algorithm::PS384,
        TokenAlgorithm::Ps512 => Algorithm::PS512,
        TokenAlgorithm::Es256 => Algorithm::ES256,
        TokenAlgorithm::Es384 => Algorithm::ES384,
        TokenAlgorithm::EdDsa => Algorithm::EdDSA,
    }
}
