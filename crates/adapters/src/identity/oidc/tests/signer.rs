//! Keys that sign tokens of any content, also of such that no issuer would write.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A key of an issuer.
#[derive(Clone)]
pub(super) enum Signer {
    Rsa(Arc<RsaKeyPair>),
    P256(Arc<EcdsaKeyPair>),
}

impl Signer {
    /// The same in every test: making one takes long.
    pub(super) fn rsa() -> Self {
        static KEY: LazyLock<Arc<RsaKeyPair>> =
            LazyLock::new(|| Arc::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
        Self::Rsa(Arc::clone(&KEY))
    }

    /// Another each time.
    pub(super) fn p256() -> Self {
        Self::P256(Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    /// Its public half, as issuers list it.
    pub(super) fn jwk(&self, name: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "kid": name, "use": "sig", "n": encode(n), "e": encode(e) })
            }
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "kid": name, "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
        }
    }

    /// Its public half as bytes: what a forger has.
    pub(super) fn public(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.public_key().as_ref().to_vec(),
            Self::P256(key) => key.public_key().as_ref().to_vec(),
        }
    }

    /// A token of these claims.
    pub(super) fn sign(&self, name: &str, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": name, "typ": "at+jwt" });
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// A token of whatever these are.
    pub(super) fn sign_text(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Self::P256(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", encode(signature))
    }
}

/// A token whose parts are these.
pub(super) fn token(header: &Value, claims: &Value, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", encode(header.to_string()), encode(claims.to_string()), encode(signature))
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
