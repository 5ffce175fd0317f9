//! Bearer tokens that other systems issue: what is configured about an issuer, as plain data, and the port behind which tokens
//! are known. It must not know how a token is written, nor how keys are fetched.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{Endpoint, Pem, Principal, Span};

/// Knows tokens. Asked on the request path: answers from memory, without waiting.
pub trait Tokens: Send + Sync + 'static {
    /// Whose token `presented` is.
    ///
    /// # Errors
    /// It is not good, or that cannot be told now. What the caller is told is the same for all that is wrong with a token;
    /// which it was is for operators.
    fn find(&self, presented: &str, now: SystemTime) -> Result<Arc<Principal>, TokenFault>;
}

/// Why a token is not accepted. Names issuers by their configured names; nothing of the token itself is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It cannot be read as a signed token.
    #[error("not a signed token: {0}")]
    Malformed(&'static str),
    /// No issuer of this name is configured.
    #[error("the token is of an issuer that is not configured")]
    Stranger,
    /// It is well written, and not for this gateway.
    #[error("a token of `{0}` is not accepted: {1}")]
    Unfit(Arc<str>, &'static str),
    /// Its time is over.
    #[error("a token of `{0}` has expired")]
    Expired(Arc<str>),
    /// Its time has not come.
    #[error("a token of `{0}` is not valid yet")]
    Early(Arc<str>),
    /// Its issuer has no such key, and was asked just now.
    #[error("a token of `{0}` names a key that the issuer does not have")]
    UnknownKey(Arc<str>),
    /// The key that it names did not sign it.
    #[error("the signature of a token of `{0}` is wrong")]
    Forged(Arc<str>),
    /// It names a key that is not known yet: the issuer is being asked for it.
    #[error("the keys of `{0}` are being fetched")]
    Fetching(Arc<str>),
    /// The issuer's keys were never read, or too long ago.
    #[error("the keys of `{0}` could not be read")]
    Unavailable(Arc<str>),
    /// No issuer is configured.
    #[error("no issuer of tokens is configured")]
    Nobody,
}

/// An issuer of tokens, as configured.
#[derive(Clone, Debug)]
pub struct IssuerPlan {
    /// What it is called in ids of principals and in messages; no two have the same.
    pub name: Arc<str>,
    /// What tokens say of who issued them, to the letter; no two have the same.
    pub issuer: Arc<str>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Whom tokens may be for: one of these. Never empty.
    pub audiences: Vec<Arc<str>>,
    /// How tokens may be signed. Never empty.
    pub algorithms: Vec<TokenAlgorithm>,
    /// What tokens say of whom they are for.
    pub claims: ClaimNames,
    /// How far clocks may be apart.
    pub leeway: Duration,
    /// How long keys hold while the issuer cannot be asked.
    pub stale: Duration,
    /// Where it stands.
    pub span: Span,
}

/// Where an issuer's keys come from. Equal sources give the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From where its own description says, which is found below the issuer's address.
    Discovery(Endpoint),
    /// From this path of an endpoint.
    Url(Endpoint, Arc<str>),
    /// From a file: they are these.
    File(Pem),
}

/// Where a token says what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimNames {
    /// The tenant.
    pub tenant: TenantClaim,
    /// The groups.
    pub groups: ClaimPath,
    /// What it may be used for at most; `None`: for whatever runs a model, and whatever asks about one.
    pub scopes: Option<ClaimPath>,
}

/// The tenant of those that come with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantClaim {
    /// None.
    Nobody,
    /// The same for all.
    Fixed(Arc<str>),
    /// The one that the token names.
    Claim(ClaimPath),
}

/// The names that lead to a claim, from the outside in; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

/// How a token may be signed: with a private key in every case, so that who reads tokens can make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenAlgorithm {
    /// RSA (PKCS #1, version 1.5) with SHA-256.
    Rs256,
    /// RSA (PKCS #1, version 1.5) with SHA-384.
    Rs384,
    /// RSA (PKCS #1, version 1.5) with SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl ClaimPath {
    /// The path that is written as `text`: names with dots between them, `\.` for a dot within a name. `None` where a name is
    /// empty.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut names = vec![String::new()];
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter == '.' {
                names.push(String::new());
                continue;
            }
            let escaped = (letter == '\\').then(|| letters.next_if_eq(&'.')).flatten();
            names.last_mut()?.push(escaped.unwrap_or(letter));
        }
        names.iter().all(|name| !name.is_empty()).then_some(Self(names))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl TokenAlgorithm {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Those that are accepted where nothing else is said.
    pub const USUAL: [Self; 2] = [Self::Rs256, Self::Es256];

    /// Its name in tokens, keys and the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The one of this very name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClaimPath, TokenAlgorithm};

    #[test]
    fn a_path_goes_from_name_to_name() {
        let names = |text| ClaimPath::parse(text).map(|path| path.names().join("|"));
        for (text, expected) in [
            ("org", "org"),
            ("realm_access.roles", "realm_access|roles"),
            (r"kubernetes\.io.namespace", "kubernetes.io|namespace"),
            (r"https://example\.com/groups", "https://example.com/groups"),
            (r"a\b.c\\", r"a\b|c\\"),
        ] {
            assert_eq!(names(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(names(bad), None, "{bad}");
        }
    }

    #[test]
    fn algorithms_are_found_by_their_very_names() {
        assert!(TokenAlgorithm::ALL.into_iter().all(|one| TokenAlgorithm::named(one.as_str()) == Some(one)));
        for bad in ["none", "None", "HS256", "rs256", "RS256 ", "", "ES512"] {
            assert_eq!(TokenAlgorithm::named(bad), None, "{bad}");
        }
    }
}
