//! Certificates and keys as plain data, on their way from files to those who speak TLS. Must not know how they are used,
//! nor what is in them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Span;

/// What stands in a file of certificates, or in that of a private key. Printed, it is its path: what it holds is shown
/// nowhere.
#[derive(Clone)]
pub struct Pem {
    /// The file, by a path that can be opened.
    pub path: Arc<str>,
    /// What was in it when the sources were gathered.
    pub bytes: Arc<[u8]>,
    /// SHA-256 of the bytes, in hexadecimal.
    pub digest: Arc<str>,
    /// Where the path stands in the configuration.
    pub span: Span,
}

/// A certificate, with those between it and a root behind it, and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificates.
    pub certificate: Pem,
    /// The key.
    pub key: Pem,
}

/// Whom an endpoint must prove to be, and whom the gateway shows itself as. Connections may be shared by what has equal
/// identities, and by nothing else.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// Over everything below: equal digests, equal identities.
    pub digest: Arc<str>,
    /// The roots that are trusted; `None` for those of the system.
    pub roots: Option<Pem>,
    /// The name the endpoint's certificate must be for; `None` for the host in its address.
    pub name: Option<Arc<str>>,
    /// What the gateway shows of itself where it is asked.
    pub own: Option<KeyPair>,
    /// Where it stands in the configuration.
    pub span: Span,
}

impl fmt::Debug for Pem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pem").field(&self.path).finish()
    }
}

impl PartialEq for Pem {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Pem {}

impl PartialEq for TlsIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for TlsIdentity {}

impl Hash for TlsIdentity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{KeyPair, Pem, TlsIdentity};
    use crate::Span;

    #[test]
    fn what_files_hold_is_never_printed() {
        let span = Span { file: "gateway.yaml".into(), line: 1, column: 1 };
        let pem = |path: &str| Pem {
            path: path.into(),
            bytes: Arc::from(&b"SECRET"[..]),
            digest: "SECRET".into(),
            span: span.clone(),
        };
        let own = KeyPair { certificate: pem("own.pem"), key: pem("own.key") };
        let identity = TlsIdentity {
            digest: "d".into(),
            roots: Some(pem("ca.pem")),
            name: None,
            own: Some(own),
            span: span.clone(),
        };
        let shown = format!("{identity:?} {identity:#?}");
        assert!(shown.contains("own.key") && !shown.contains("SECRET") && !shown.contains("83"), "{shown}");
    }
}
