//! A small HTTP client for commands that talk to a running gateway.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use sluicegate_adapters::http::open;
use sluicegate_core::{Endpoint, Pem, Span, TlsIdentity};

/// How long a command waits for a running gateway.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, read in full.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// A running gateway.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    /// Where: a URL of http or https.
    pub(crate) base: &'a str,
    /// Over https, a file of the authorities that are trusted, in PEM; `None` for those of the system.
    pub(crate) ca: Option<&'a Path>,
}

impl<'a> From<&'a str> for At<'a> {
    fn from(base: &'a str) -> Self {
        Self { base, ca: None }
    }
}

/// Sends one request and reads the answer.
///
/// # Errors
/// The address is no URL of HTTP, nobody answers there, or not who should, or the answer breaks off.
pub(crate) fn send<'a>(
    method: Method,
    at: impl Into<At<'a>>,
    path: &str,
    body: Option<Bytes>,
) -> anyhow::Result<Answer> {
    let at = at.into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let exchange = exchange(method, at, path, body);
        tokio::time::timeout(PATIENCE, exchange).await.with_context(|| format!("{} does not answer", at.base))?
    })
}

/// The same within a runtime; the caller limits the time.
///
/// # Errors
/// As [`send`].
pub(crate) async fn exchange(
    method: Method,
    at: impl Into<At<'_>>,
    path: &str,
    body: Option<Bytes>,
) -> anyhow::Result<Answer> {
    let at = at.into();
    let base = at.base;
    let url: Uri = base.parse().with_context(|| format!("`{base}` is not a URL such as http://127.0.0.1:9901"))?;
    let endpoint = endpoint(at, &url)?;
    let stream = open(&endpoint).await.with_context(|| match endpoint.tls {
        Some(_) => format!("no answer over TLS at {base}"),
        None => format!("nothing answers at {base}; is the gateway running?"),
    })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", url.path().trim_end_matches('/')))
        .header(header::HOST, &*endpoint.authority)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body.unwrap_or_default()))?;
    let (head, body) = sender.send_request(request).await.context("the answer broke off")?.into_parts();
    let body = body.collect().await.context("the answer broke off")?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// Whom to connect to, and over https whom to trust.
fn endpoint(at: At<'_>, url: &Uri) -> anyhow::Result<Endpoint> {
    let (port, tls) = match url.scheme_str() {
        Some("http") if at.ca.is_some() => bail!("`{}` is not over TLS: --ca is for https://", at.base),
        Some("http") => (80, None),
        Some("https") => (443, Some(Arc::new(identity(at.ca)?))),
        _ => bail!("`{}` is neither of http:// nor of https://", at.base),
    };
    let authority = format!("{}:{}", url.host().unwrap_or_default(), url.port_u16().unwrap_or(port));
    Ok(Endpoint { authority: authority.into(), prefix: "".into(), host: None, tls })
}

fn identity(ca: Option<&Path>) -> anyhow::Result<TlsIdentity> {
    let span = Span { file: Arc::from("--ca"), line: 1, column: 1 };
    let roots = match ca {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let path = Arc::from(path.to_string_lossy());
            Some(Pem { path, bytes: bytes.into(), digest: Arc::from(""), span: span.clone() })
        }
        None => None,
    };
    Ok(TlsIdentity { digest: Arc::from(""), roots, name: None, own: None, span })
}
