//! A server over TLS that answers which connection a request came over and whose certificate it was shown, and clients.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use sluicegate_adapters::http::{Client, HttpError, Origin, Patience, Speaks, TcpConnector};
use sluicegate_core::{Body, Clock, Deadline, Endpoint, KeyPair, Pem, Span, TlsIdentity};
use sluicegate_testkit::certs::{Authority, Issued, pem};
use sluicegate_testkit::{FakeClock, PATIENCE, within};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What the server asks of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Nobody,
    WhoWill,
    Everybody,
}

/// A running server.
pub(super) struct Peer {
    pub(super) authority: String,
    served: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

/// One client.
pub(super) struct Caller {
    client: Client,
    clock: Arc<FakeClock>,
}

impl Peer {
    /// Shows `pair`, and trusts certificates of clients that `authority` issued. `names` of those say who it sees.
    pub(super) async fn start(authority: &Authority, pair: &Issued, asks: Asks, alpn: &[&str]) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(authority, pair, asks, alpn)));
        let served = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&served);
        Self::serving(served, move |connection, stream| {
            let (acceptor, served) = (acceptor.clone(), Arc::clone(&counted));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(connection, stream, served).await;
                }
            }
        })
        .await
    }

    /// Does with each connection what `serve` does.
    pub(super) async fn raw<F, A>(serve: F) -> Self
    where
        F: Fn(usize, TcpStream) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        Self::serving(Arc::default(), serve).await
    }

    async fn serving<F, A>(served: Arc<AtomicUsize>, serve: F) -> Self
    where
        F: Fn(usize, TcpStream) -> A + Send + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(number, stream));
            }
        });
        Self { authority, served, task }
    }

    /// Requests that reached it.
    pub(super) fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Caller {
    pub(super) fn new() -> Self {
        let clock = Arc::new(FakeClock::following_tokio());
        let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        Self { client: Client::new(Arc::new(TcpConnector), shared), clock }
    }

    pub(super) fn origin(&self, endpoint: &Endpoint, speaks: Speaks) -> Arc<Origin> {
        self.client.origin_speaking(endpoint, speaks).unwrap()
    }

    /// What the server answers.
    pub(super) async fn ask(&self, origin: &Arc<Origin>) -> Result<String, HttpError> {
        self.ask_within(origin, PATIENCE).await
    }

    pub(super) async fn ask_within(&self, origin: &Arc<Origin>, connect: Duration) -> Result<String, HttpError> {
        let patience = Patience { connect, deadline: Deadline(self.clock.now() + PATIENCE) };
        let answer =
            within("an answer", self.client.send(origin, crate::support::posted("/", Body::Empty), patience)).await?;
        let body = within("its body", answer.body.collect(1 << 20)).await;
        Ok(body.map_or_else(|error| format!("broken: {error}"), |body| String::from_utf8_lossy(&body).into_owned()))
    }
}

/// An identity that trusts `authority`.
pub(super) fn identity(authority: &Authority, name: Option<&str>, own: Option<&Issued>) -> Arc<TlsIdentity> {
    made(Some(pem(authority.pem())), name, own.map(Issued::pair))
}

pub(super) fn made(roots: Option<Pem>, name: Option<&str>, own: Option<KeyPair>) -> Arc<TlsIdentity> {
    let of = |pem: &Pem| pem.digest.to_string();
    let parts = (roots.as_ref().map(of), name, own.as_ref().map(|own| (of(&own.certificate), of(&own.key))));
    let span = Span { file: Arc::from("gateway.yaml"), line: 7, column: 3 };
    TlsIdentity { digest: format!("{parts:?}").into(), roots, name: name.map(Arc::from), own, span }.into()
}

pub(super) fn secured(authority: &str, identity: &Arc<TlsIdentity>) -> Endpoint {
    Endpoint { authority: Arc::from(authority), prefix: Arc::from(""), host: None, tls: Some(Arc::clone(identity)) }
}

pub(super) fn config(authority: &Authority, pair: &Issued, asks: Asks, alpn: &[&str]) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(authority.pem())).unwrap();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match asks {
        Asks::Nobody => builder.with_no_client_auth(),
        Asks::WhoWill => builder.with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap()),
        Asks::Everybody => builder.with_client_cert_verifier(verifier.build().unwrap()),
    };
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(vec![certificate(&pair.certificate)], key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub(super) fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Who was seen, as a text that tells certificates apart.
pub(super) fn seen(certificate: Option<&CertificateDer<'_>>) -> String {
    certificate.map_or_else(|| "nobody".to_owned(), |certificate| format!("{:x?}", certificate.last_chunk::<16>()))
}

async fn answer(connection: usize, stream: TlsStream<TcpStream>, served: Arc<AtomicUsize>) {
    let session = stream.get_ref().1;
    let who = seen(session.peer_certificates().and_then(<[_]>::first));
    let http2 = session.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        served.fetch_add(1, Ordering::SeqCst);
        let scheme = request.uri().scheme_str().unwrap_or("-").to_owned();
        assert!(request.version() == Version::HTTP_11 || scheme == "https", "{scheme}");
        let text = format!("{connection} {who}");
        async move { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text)))) }
    });
    let io = TokioIo::new(stream);
    // However it ends, the test sees it from the other side.
    let _: Result<(), io::Error> = if http2 {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await
            .map_err(io::Error::other)
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await.map_err(io::Error::other)
    };
}
