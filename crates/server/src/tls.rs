//! A certificate and its key, ready to be shown to clients: TLS 1.3 and 1.2, ALPN for HTTP/2 and HTTP/1.1.
//!
//! Renegotiation does not exist here, nor early data (0-RTT), which could be replayed. Sessions are resumed by tickets
//! that only this pair can open: a client that comes back after a change of the certificate makes a whole handshake, and
//! sees the new one. It must not know where the pair comes from.

mod handshake;
mod rewound;
mod slots;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error, RootCertStore, ServerConfig};
use sluicegate_core::KeyPair;

pub(crate) use self::handshake::{Failed, Spoken, accept, say_that_this_is_tls};
pub(crate) use self::slots::Slots;

/// The names of HTTP/2 and HTTP/1.1 in ALPN, best first.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// A listener's TLS. Cheap to clone; equal only to its own clones.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// The certificate, and what stands between it and a root.
    chain: Arc<[CertificateDer<'static>]>,
}

/// Why a pair cannot be used. Says nothing of what is in the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It is the file of the certificate.
    #[error("{0}")]
    Certificate(&'static str),
    /// It is the file of the key.
    #[error("{0}")]
    Key(&'static str),
}

/// Whether a moment lies in a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// It does.
    Valid,
    /// It has ended.
    Expired,
    /// It has not begun.
    NotYet,
}

impl Tls {
    /// Reads a pair, and checks that its halves belong together.
    ///
    /// # Errors
    /// A half cannot be understood, or they are of different pairs.
    pub fn new(pair: &KeyPair) -> Result<Self, TlsError> {
        let chain = certificates(&pair.certificate.bytes)?;
        let key = private_key(&pair.key.bytes)?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(|_| TlsError::Certificate("this build has no TLS"))?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key)
            .map_err(|error| match error {
                Error::InconsistentKeys(_) => TlsError::Key("the key does not belong to the certificate"),
                Error::InvalidCertificate(_) => TlsError::Certificate("the certificate cannot be understood"),
                _ => TlsError::Key(
                    "the key is of a kind that cannot be used: take RSA, ECDSA (P-256, P-384, P-521) or Ed25519",
                ),
            })?;
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer =
            aws_lc_rs::Ticketer::new().map_err(|_| TlsError::Key("the system gives no random numbers"))?;
        Ok(Self { config: Arc::new(config), chain: chain.into() })
    }

    /// Whether all its certificates are valid at `now`; else how the first is not.
    #[must_use]
    pub fn validity(&self, now: SystemTime) -> Validity {
        let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
        let of_each = self.chain.iter().map(|certificate| validity(certificate, now));
        of_each.into_iter().find(|validity| *validity != Validity::Valid).unwrap_or(Validity::Valid)
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for Tls {}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Named in every builder: what the process would choose by itself depends on what else is linked.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate("the file of the certificate is broken: it is no PEM"))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("the file holds no certificate in PEM"));
    }
    Ok(chain)
}

fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    // The library's own words could repeat a line of the file.
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::Key("the file holds no private key in PEM, or one that is encrypted"),
        _ => TlsError::Key("the file of the key is broken: it is no PEM"),
    })
}

/// Asks the verifier, with the certificate as its own root: of all it could find wrong, the dates come first.
fn validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Validity {
    let mut roots = RootCertStore::empty();
    let anywhere = ServerName::try_from("a");
    let (Ok(()), Ok(anywhere)) = (roots.add(certificate.clone().into_owned()), anywhere) else {
        return Validity::Valid;
    };
    let Ok(verifier) = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build() else {
        return Validity::Valid;
    };
    match verifier.verify_server_cert(certificate, &[], &anywhere, &[], now) {
        Err(Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. })) => {
            Validity::Expired
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. })) => {
            Validity::NotYet
        }
        Ok(_) | Err(_) => Validity::Valid,
    }
}
