//! The text of a key: `sgk_`, 12 characters that it is found by, `_`, 32 characters of secret, and 6 of checksum over all
//! before. A mistyped key is told without a look-up, and scanners of secrets can recognise one. It must not know which keys
//! there are.

use std::fmt;

use sluicegate_core::StoreError;
use zeroize::Zeroizing;

/// Characters of a whole key.
pub const LENGTH: usize = PREFIX.len() + ID + 1 + SECRET + CHECKSUM;

const PREFIX: &str = sluicegate_core::KEY_MARK;
const ID: usize = 12;
const SECRET: usize = 32;
const CHECKSUM: usize = 6;

/// Digits and letters: what a double click selects, and what no shell, header or URL takes for its own.
pub(super) const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The part of a key that it is found by. No secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId([u8; ID]);

/// A key as somebody presents it: well written, which is all that is known about it.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    id: KeyId,
    signed: &'a [u8],
}

/// A whole new key. It cannot be printed by accident, and is wiped from memory when it is dropped.
pub struct SecretKey {
    id: KeyId,
    text: Zeroizing<String>,
}

impl<'a> Presented<'a> {
    /// Reads a key: exactly as it was given out, or `None`.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let whole: &[u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let (signed, checksum) = whole.split_last_chunk::<CHECKSUM>()?;
        let (id, rest) = signed.strip_prefix(PREFIX.as_bytes())?.split_first_chunk::<ID>()?;
        let (between, secret) = rest.split_first()?;
        let good = *between == b'_' && id.iter().chain(secret).all(u8::is_ascii_alphanumeric);
        (good && *checksum == checksum_of(signed)).then_some(Self { id: KeyId(*id), signed })
    }

    /// What it is found by.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What of it is digested: all that the checksum is over, so that a digest is of use for no other id.
    pub(super) const fn signed(&self) -> &'a [u8] {
        self.signed
    }
}

impl KeyId {
    /// Reads an id by itself.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let id: [u8; ID] = text.as_bytes().try_into().ok()?;
        id.iter().all(u8::is_ascii_alphanumeric).then_some(Self(id))
    }
}

impl SecretKey {
    /// A key that there has never been, from the generator of the operating system.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(super) fn generate() -> Result<Self, StoreError> {
        let id = KeyId(random::<ID>()?);
        let secret = Zeroizing::new(random::<SECRET>()?);
        // Made in its whole length, so that growing leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        text.extend(id.0.iter().map(|byte| char::from(*byte)));
        text.push('_');
        text.extend(secret.iter().map(|byte| char::from(*byte)));
        let checksum = checksum_of(text.as_bytes());
        text.extend(checksum.iter().map(|byte| char::from(*byte)));
        Ok(Self { id, text })
    }

    /// The text itself, to be shown to its owner once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What it is found by.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The same key as its owner will present it.
    pub(super) fn presented(&self) -> Presented<'_> {
        let signed = self.text.as_bytes().split_last_chunk::<CHECKSUM>();
        Presented { id: self.id, signed: signed.map_or(&[], |(signed, _)| signed) }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Presented({PREFIX}{}_[redacted])", self.id)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretKey({PREFIX}{}_[redacted])", self.id)
    }
}

/// Random characters, all equally likely.
fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut characters = Zeroizing::new([0; N]);
    let mut made = 0;
    while made < N {
        let mut bytes = Zeroizing::new([0_u8; 64]);
        getrandom::fill(&mut *bytes)
            .map_err(|error| StoreError::Unusable(format!("the system gives no random bytes: {error}")))?;
        // Six bits that are beyond the alphabet are left out, not folded back into it.
        let drawn = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        for (place, character) in characters.iter_mut().skip(made).zip(drawn) {
            *place = *character;
            made += 1;
        }
    }
    Ok(*characters)
}

/// CRC32 in six digits of base 62.
pub(super) fn checksum_of(text: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(text);
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(rest % 62).unwrap_or_default();
        *digit = ALPHABET.get(value).copied().unwrap_or(b'0');
        rest /= 62;
    }
    digits
}
