//! The text of a token: its header and its claims, read once and strictly, before anything of it is believed. It must not know
//! issuers, nor keys.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sluicegate_core::TokenAlgorithm;

use super::strict;

/// The longest token that is read. A head has seldom more room; what is longer is refused before it is looked at.
pub const LONGEST: usize = 16 << 10;

/// Longest name of a key: longer ones cost each lookup, and nobody has them.
const KEY_NAME: usize = 512;

/// The types that a token may say it has: none, or one of these in whatever case.
const TYPES: [&str; 3] = ["JWT", "at+jwt", "application/at+jwt"];

/// A token that is well written. Nobody has looked at its signature.
pub struct Text<'a> {
    /// What is signed.
    pub(super) signed: &'a str,
    /// The signature.
    pub(super) signature: Vec<u8>,
    /// How it says it is signed: never `none`, never by a secret that both sides know.
    pub(super) algorithm: TokenAlgorithm,
    /// The name of the key.
    pub(super) key: String,
    /// What it says.
    pub(super) claims: Map<String, Value>,
}

impl<'a> Text<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// It is none, or asks for what is never done: in words that hold nothing of it.
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        if text.len() > LONGEST {
            return Err("it is too long");
        }
        let (signed, signature) = text.rsplit_once('.').ok_or("it has no three parts")?;
        let (header, claims) =
            signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or("it has no three parts")?;
        let header = object(header).map_err(|()| "its header is no object of JSON, each key once, in base64url")?;
        let (algorithm, key) = checked(&header)?;
        let claims = object(claims).map_err(|()| "its claims are no object of JSON, each key once, in base64url")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|bytes| !bytes.is_empty());
        let signature = signature.ok_or("its signature is nothing in base64url")?;
        Ok(Self { signed, signature, algorithm, key, claims })
    }

    /// How it says it is signed.
    pub const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// What it says.
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Who it says issued it.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Text").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// What counts of a header. Where it says that a key may be found (`jku`, `jwk`, `x5u`, `x5c`) is not looked at.
fn checked(header: &Map<String, Value>) -> Result<(TokenAlgorithm, String), &'static str> {
    if header.contains_key("crit") {
        return Err("its header asks for extensions (`crit`)");
    }
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(TokenAlgorithm::named);
    let algorithm = algorithm.ok_or("it is signed in no way that could be accepted (`alg`)")?;
    if let Some(kind) = header.get("typ")
        && !kind.as_str().is_some_and(|kind| TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)))
    {
        return Err("it is of another type than `JWT` or `at+jwt` (`typ`)");
    }
    let key = header.get("kid").and_then(Value::as_str).filter(|key| (1..=KEY_NAME).contains(&key.len()));
    Ok((algorithm, key.ok_or("its header names no key (`kid`)")?.to_owned()))
}

fn object(part: &str) -> Result<Map<String, Value>, ()> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| ())?;
    match strict::read(&bytes) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) | Err(_) => Err(()),
    }
}
