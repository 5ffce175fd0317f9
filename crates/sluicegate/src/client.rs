//! A small HTTP client for commands that talk to a running gateway.

use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// How long a command waits for a running gateway.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, read in full.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// Sends one request and reads the answer.
///
/// # Errors
/// The address is not a URL of plain HTTP, nobody answers there, or the answer breaks off.
pub(crate) fn send(method: Method, base: &str, path: &str, body: Option<Bytes>) -> anyhow::Result<Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let exchange = exchange(method, base, path, body);
        tokio::time::timeout(PATIENCE, exchange).await.with_context(|| format!("{base} does not answer"))?
    })
}

/// The same within a runtime; the caller limits the time.
///
/// # Errors
/// As [`send`].
pub(crate) async fn exchange(method: Method, base: &str, path: &str, body: Option<Bytes>) -> anyhow::Result<Answer> {
    let url: Uri = base.parse().with_context(|| format!("`{base}` is not a URL such as http://127.0.0.1:9901"))?;
    if url.scheme_str() != Some("http") {
        bail!("`{base}`: only http:// is in this build");
    }
    let authority = format!("{}:{}", url.host().unwrap_or_default(), url.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(&authority)
        .await
        .with_context(|| format!("nothing answers at {base}; is the gateway running?"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", url.path().trim_end_matches('/')))
        .header(header::HOST, authority)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body.unwrap_or_default()))?;
    let (head, body) = sender.send_request(request).await.context("the answer broke off")?.into_parts();
    let body = body.collect().await.context("the answer broke off")?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}
