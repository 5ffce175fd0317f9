//! TLS clients for these tests.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use sluicegate_server::{CancellationToken, Handler, Limits, ListenerPlan, Tls, serve_listener};
use sluicegate_testkit::certs::Authority;
use sluicegate_testkit::{MemoryNet, Wire};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{Bench, InMemory, LONG, plan};

pub(super) const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// A listener in memory that speaks TLS, and the authority its clients trust.
pub(super) struct Secure {
    pub(super) bench: Bench,
    pub(super) authority: Authority,
}

impl Secure {
    pub(super) fn start(limits: Limits, handler: impl Handler) -> Self {
        let authority = Authority::new("test");
        let tls = Tls::new(&authority.issue(&["server"]).pair()).expect("a good pair");
        let (listener, dialer) = MemoryNet::anywhere();
        let shutdown = CancellationToken::new();
        let plan = ListenerPlan { tls: Some(tls), ..plan("test", listener.local_addr(), limits) };
        let served = tokio::spawn(serve_listener(InMemory(listener), plan, handler, shutdown.clone()));
        Self { bench: Bench { dialer, shutdown, served }, authority }
    }

    pub(super) fn client(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&str]) -> Arc<ClientConfig> {
        Arc::new(client(&self.authority, versions, alpn))
    }

    /// A connection with its handshake made.
    pub(super) async fn connect(&self, client: &Arc<ClientConfig>) -> std::io::Result<TlsStream<DuplexStream>> {
        connect(client, self.bench.dialer.connect().await.expect("the listener is open")).await
    }

    /// A raw client within TLS that offers nothing by ALPN.
    pub(super) async fn wire(&self) -> Wire<TlsStream<DuplexStream>> {
        let stream = self.connect(&self.client(BOTH, &[])).await.expect("a handshake");
        Wire::over(stream).patient(LONG)
    }
}

pub(super) fn client(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let mut client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    client
}

pub(super) async fn connect<Io>(client: &Arc<ClientConfig>, io: Io) -> std::io::Result<TlsStream<Io>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    TlsConnector::from(Arc::clone(client)).connect(ServerName::try_from("server").unwrap(), io).await
}
