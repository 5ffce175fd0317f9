//! The way to an endpoint, walked step by step for somebody who looks what is wrong: its name, its addresses, its TLS, and
//! what it speaks where that is not what was expected. Outside of every pool. Must not know what is asked, or why.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use sluicegate_core::{Endpoint, Finding, Level};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Speaks;
use super::tls::{Handshake, Identities, client_hello};

/// What HTTP/2 begins with, and an empty frame of settings.
const HTTP2_HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// How far one came.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// An address that took the connection.
    pub(crate) address: Option<SocketAddr>,
    /// How long that took.
    pub(crate) connect: Option<Duration>,
    /// How long the handshake took, over TLS.
    pub(crate) handshake: Option<Duration>,
    /// What the endpoint showed of itself.
    pub(crate) chain: Vec<CertificateDer<'static>>,
    /// What was wrong.
    pub(crate) findings: Vec<Finding>,
    /// Whether requests can be sent.
    pub(crate) open: bool,
}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// TLS, whatever is within.
    Tls,
    /// HTTP/1.1 without TLS.
    Http1,
    /// HTTP/2 without TLS, as gRPC has it.
    Http2,
}

/// Walks the way, with at most `step` for each step.
pub(crate) async fn reach(endpoint: &Endpoint, speaks: Speaks, step: Duration) -> Reached {
    let mut reached = Reached::default();
    let handshake = match Identities::default().handshake(endpoint, speaks) {
        Ok(handshake) => handshake,
        Err(error) => {
            reached.broken(error.message, "put the files of `tls` right");
            return reached;
        }
    };
    let Some(addresses) = reached.resolve(endpoint, step).await else { return reached };
    let Some(stream) = reached.connect(addresses, step).await else { return reached };
    match handshake {
        None => reached.open = true,
        Some(handshake) => reached.secure(&handshake, stream, step).await,
    }
    reached
}

/// What is spoken at `address`; `None` where nothing is that is known here. Each question has `patience`, and all are put
/// at once.
pub(crate) async fn spoken(address: SocketAddr, patience: Duration) -> Option<Spoken> {
    let hello = client_hello().unwrap_or_default();
    let (tls, http1, http2) = tokio::join!(
        timeout(patience, says(address, &hello, is_tls)),
        timeout(patience, says(address, b"GET / HTTP/1.1\r\nhost: doctor\r\nconnection: close\r\n\r\n", is_http1)),
        timeout(patience, says(address, HTTP2_HELLO, is_settings)),
    );
    let yes = |answer: Result<io::Result<bool>, _>| matches!(answer, Ok(Ok(true)));
    // What speaks both versions of HTTP is told by the older one.
    match (yes(tls), yes(http1), yes(http2)) {
        (true, ..) => Some(Spoken::Tls),
        (_, true, _) => Some(Spoken::Http1),
        (.., true) => Some(Spoken::Http2),
        _ => None,
    }
}

impl Reached {
    fn broken(&mut self, what: impl Into<String>, advice: impl Into<String>) {
        self.findings.push(Finding::new(Level::Broken, what).advise(advice));
    }

    async fn resolve(&mut self, endpoint: &Endpoint, step: Duration) -> Option<Vec<SocketAddr>> {
        let advice = "look at the name's spelling, and at what resolves names on this machine";
        match timeout(step, lookup_host(&*endpoint.authority)).await {
            Ok(Ok(found)) => {
                let mut addresses: Vec<_> = found.collect();
                addresses.dedup();
                if addresses.is_empty() {
                    self.broken("its name has no address", advice);
                }
                Some(addresses).filter(|addresses| !addresses.is_empty())
            }
            Ok(Err(error)) => {
                self.broken(format!("its name cannot be resolved: {error}"), advice);
                None
            }
            Err(_) => {
                self.broken(format!("its name was not resolved within {step:?}"), advice);
                None
            }
        }
    }

    /// Tries every address, since the gateway may meet any of them.
    async fn connect(&mut self, addresses: Vec<SocketAddr>, step: Duration) -> Option<TcpStream> {
        let several = addresses.len() > 1;
        let mut tries = JoinSet::new();
        for address in addresses {
            tries.spawn(async move {
                let begun = Instant::now();
                let made = timeout(step, TcpStream::connect(address)).await;
                (address, made, begun.elapsed())
            });
        }
        let mut stream = None;
        let mut failed = Vec::new();
        while let Some(tried) = tries.join_next().await {
            match tried {
                Ok((address, Ok(Ok(made)), took)) if stream.is_none() => {
                    (self.address, self.connect) = (Some(address), Some(took));
                    stream = Some(made);
                }
                Ok((_, Ok(Ok(_)), _)) | Err(_) => {}
                Ok((address, Ok(Err(error)), _)) => failed.push((address, error.to_string())),
                Ok((address, Err(_), _)) => failed.push((address, format!("no answer within {step:?}"))),
            }
        }
        let level = if stream.is_some() { Level::Warning } else { Level::Broken };
        for (address, why) in failed {
            let what = if several {
                format!("no connection to its address {address}: {why}")
            } else {
                format!("no connection: {why}")
            };
            let advice = "see whether the server runs and listens there, and what a firewall does";
            self.findings.push(Finding::new(level, what).advise(advice));
        }
        stream
    }

    async fn secure(&mut self, handshake: &Handshake, stream: TcpStream, step: Duration) {
        let begun = Instant::now();
        match timeout(step, handshake.over(stream)).await {
            Ok(Ok(stream)) => {
                self.handshake = Some(begun.elapsed());
                let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
                self.chain = shown.iter().map(|certificate| certificate.clone().into_owned()).collect();
                self.open = true;
            }
            Ok(Err(error)) => self.broken(error.to_string(), "put its certificate, or `tls` of the backend, right"),
            Err(_) => self.broken(
                format!("its TLS handshake did not end within {step:?}"),
                "see whether it speaks TLS there: without, write `http://` (`grpc://`)",
            ),
        }
    }
}

/// Sends `hello`, and whether what comes back first `fits`.
async fn says(address: SocketAddr, hello: &[u8], fits: fn(&[u8]) -> bool) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(hello).await?;
    let mut answer = Vec::with_capacity(9);
    while answer.len() < 9 {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(fits(&answer))
}

/// A handshake's record, or an alert's, of any version of TLS.
fn is_tls(answer: &[u8]) -> bool {
    matches!(answer, [0x15 | 0x16, 3, 0..=4, ..])
}

fn is_http1(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.")
}

/// A frame of settings, with which every server of HTTP/2 begins.
fn is_settings(answer: &[u8]) -> bool {
    matches!(answer, [0, _, _, 4, ..])
}

#[cfg(test)]
mod tests {
    use super::{is_http1, is_settings, is_tls};

    #[test]
    fn what_is_spoken_is_told_by_the_first_bytes() {
        let tls = [&b"\x15\x03\x01\x00\x02\x02\x46"[..], b"\x16\x03\x03\x00\x7a\x02"];
        let http1 = [&b"HTTP/1.1 400 "[..], b"HTTP/1.0 200"];
        let http2 = [&b"\x00\x00\x18\x04\x00\x00\x00\x00\x00"[..], b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"];
        for (bytes, wanted) in
            [(&tls[..], [true, false, false]), (&http1, [false, true, false]), (&http2, [false, false, true])]
        {
            for bytes in bytes {
                assert_eq!([is_tls(bytes), is_http1(bytes), is_settings(bytes)], wanted, "{bytes:?}");
            }
        }
        for other in [&b""[..], b"+OK\r\n", b"SSH-2.0-x"] {
            assert!(!is_tls(other) && !is_http1(other) && !is_settings(other));
        }
    }
}
