//! How callers show who they are. It must not know how that is written in a configuration.

use sluicegate_core::IssuerPlan;

/// How credentials are presented.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The headers in which a key is looked for, in the order written; never empty.
    pub key_headers: Vec<KeyHeader>,
    /// Whose tokens are taken, in the order written.
    pub issuers: Vec<IssuerPlan>,
}

/// A header in which a key may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `authorization`, behind `Bearer`.
    Authorization,
    /// `x-api-key`.
    XApiKey,
    /// `api-key`.
    ApiKey,
}

impl Default for Identity {
    fn default() -> Self {
        Self { key_headers: KeyHeader::ALL.to_vec(), issuers: Vec::new() }
    }
}

impl KeyHeader {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Authorization, Self::XApiKey, Self::ApiKey];

    /// Its name, as it stands in requests and in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authorization => "authorization",
            Self::XApiKey => "x-api-key",
            Self::ApiKey => "api-key",
        }
    }
}
