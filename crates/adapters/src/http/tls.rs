//! TLS to endpoints: whom they must prove to be, whom the gateway shows itself as, and the handshake on a byte stream
//! that another connector made. Must not know what is spoken over it, but for its name in ALPN.

mod material;
mod words;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use sluicegate_core::{BoxFuture, BuildError, Endpoint, TlsIdentity};
use tokio_rustls::client::TlsStream;

use super::{Connector, Io, Speaks, TcpConnector};
use crate::certificates::ends;

/// The names of HTTP/2 and HTTP/1.1 in ALPN.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Identities that are in use, each made once: the roots of a system are large, and sessions are taken up again.
#[derive(Debug, Default)]
pub(super) struct Identities(Mutex<HashMap<Known, Weak<ClientConfig>>>);

/// What one is made for: ALPN is part of it.
type Known = (Arc<TlsIdentity>, Speaks);

/// Makes streams over TLS of those that `inner` makes.
struct Secured {
    inner: Arc<dyn Connector>,
    handshake: Handshake,
}

/// All that a handshake with one endpoint needs.
pub(super) struct Handshake {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    speaks: Speaks,
}

/// Whether what `endpoint` needs for TLS can be used: its files are understood, a certificate and its key belong
/// together, its name can stand in a certificate.
///
/// # Errors
/// The first part that cannot, with its place in the configuration.
pub fn check_tls(endpoint: &Endpoint) -> Result<(), BuildError> {
    let Some(identity) = &endpoint.tls else { return Ok(()) };
    material::client(identity)?;
    name(endpoint, identity).map(drop)
}

/// A stream to `endpoint`, over TLS where it says so: for whoever asks once and keeps nothing.
///
/// # Errors
/// Nobody answers there, or not whom `endpoint` says, in words for people.
pub async fn open(endpoint: &Endpoint) -> io::Result<Box<dyn Io>> {
    let plain: Arc<dyn Connector> = Arc::new(TcpConnector);
    let secured = Identities::default().connector(endpoint, Speaks::Http1, &plain);
    let secured = secured.map_err(|error| io::Error::other(error.message))?;
    secured.unwrap_or(plain).connect(&endpoint.authority).await
}

/// What a client begins a handshake with that trusts nobody: only what speaks TLS answers it.
pub(super) fn client_hello() -> Option<Vec<u8>> {
    let config = Arc::new(material::distrusting().ok()?);
    let mut connection = ClientConnection::new(config, ServerName::try_from("localhost").ok()?).ok()?;
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).ok()?;
    Some(hello)
}

impl Identities {
    /// A connector for `endpoint` over `plain`; `None` where it is reached without TLS.
    ///
    /// # Errors
    /// As [`check_tls`].
    pub(super) fn connector(
        &self,
        endpoint: &Endpoint,
        speaks: Speaks,
        plain: &Arc<dyn Connector>,
    ) -> Result<Option<Arc<dyn Connector>>, BuildError> {
        let handshake = self.handshake(endpoint, speaks)?;
        Ok(handshake.map(|handshake| Arc::new(Secured { inner: Arc::clone(plain), handshake }) as Arc<dyn Connector>))
    }

    /// The handshake with `endpoint`; `None` where it is reached without TLS.
    ///
    /// # Errors
    /// As [`check_tls`].
    pub(super) fn handshake(&self, endpoint: &Endpoint, speaks: Speaks) -> Result<Option<Handshake>, BuildError> {
        let Some(identity) = &endpoint.tls else { return Ok(None) };
        let name = name(endpoint, identity)?;
        Ok(Some(Handshake { config: self.config(identity, speaks)?, name, speaks }))
    }

    fn config(&self, identity: &Arc<TlsIdentity>, speaks: Speaks) -> Result<Arc<ClientConfig>, BuildError> {
        let mut known = self.0.lock();
        let key = (Arc::clone(identity), speaks);
        if let Some(config) = known.get(&key).and_then(Weak::upgrade) {
            return Ok(config);
        }
        let mut config = material::client(identity)?;
        config.alpn_protocols = vec![match speaks {
            Speaks::Http1 => HTTP1.to_vec(),
            Speaks::Http2 => HTTP2.to_vec(),
        }];
        let config = Arc::new(config);
        known.retain(|_, config| config.strong_count() > 0);
        known.insert(key, Arc::downgrade(&config));
        Ok(config)
    }
}

impl Connector for Secured {
    fn connect<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let mut stream = self.handshake.over(self.inner.connect(authority).await?).await?;
            if self.handshake.is_stale(&stream) {
                let whole = self.handshake.whole();
                stream = whole.over(self.inner.connect(authority).await?).await?;
            }
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

impl Handshake {
    /// Shakes hands over `plain`. The failure is in words for operators.
    pub(super) async fn over<S: Io>(&self, plain: S) -> io::Result<TlsStream<S>> {
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(&self.config));
        let stream = connector
            .connect(self.name.clone(), plain)
            .await
            .map_err(|error| io::Error::other(words::of_handshake(&error, &self.name)))?;
        // One that has never heard of ALPN may still speak HTTP/1.1, but not HTTP/2.
        if self.speaks == Speaks::Http2 && stream.get_ref().1.alpn_protocol() != Some(HTTP2) {
            return Err(io::Error::other("over TLS it does not agree to HTTP/2, which gRPC needs"));
        }
        Ok(stream)
    }

    /// Whether a session was taken up again whose certificate has ended since: then nobody looked at it.
    fn is_stale<S>(&self, stream: &TlsStream<S>) -> bool {
        let (_, connection) = stream.get_ref();
        if connection.handshake_kind() != Some(HandshakeKind::Resumed) {
            return false;
        }
        let now = self.config.time_provider.current_time();
        let ends = connection.peer_certificates().unwrap_or_default().iter().filter_map(ends);
        now.is_none_or(|now| ends.min().is_some_and(|ends| ends < now.as_secs()))
    }

    /// The same, in which the endpoint has to show its certificate.
    fn whole(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config), name: self.name.clone(), speaks: self.speaks }
    }
}

/// The name that the endpoint's certificate must be for.
fn name(endpoint: &Endpoint, identity: &TlsIdentity) -> Result<ServerName<'static>, BuildError> {
    let host = endpoint.host().rsplit_once(':').map_or(&**endpoint.host(), |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(identity.name.as_deref().unwrap_or(host).to_owned()).map_err(|_| BuildError {
        span: identity.span.clone(),
        message: "no certificate can be for this host: give another `name`".to_owned(),
    })
}
