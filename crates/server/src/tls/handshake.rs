//! A connection's first bytes on a listener that speaks TLS: the handshake, in its time, or plain HTTP from one who took
//! the port for another. Must not know what is spoken inside.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::rewound::Rewound;
use super::slots::Slots;
use super::{HTTP2, Tls};
use crate::alarm::later;
use crate::limits::Limits;

/// What a TLS record that begins a handshake begins with (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// Bytes of an answer that a client has not taken and that we hold encrypted, on top of what the socket holds.
const BUFFER: usize = 32 * 1024;

/// How long a client that spoke plain HTTP may take to read that it should not.
const GOODBYE: Duration = Duration::from_secs(2);

/// What it reads.
const NOT_PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\
    content-length: 54\r\n\r\nThis port speaks TLS: write https:// before the host.\n";

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// Its first bytes tell.
    Either,
    /// HTTP/1.1: agreed on by ALPN, or nothing was said.
    Http1,
    /// HTTP/2, agreed on by ALPN.
    Http2,
}

/// Why there is no handshake.
#[derive(Debug)]
pub(crate) enum Failed<Io> {
    /// The client spoke HTTP without TLS.
    Plain(Io),
    /// It took too long.
    Slow,
    /// It left, or what it sent is no handshake that is allowed; for operators.
    Broken(String),
}

/// Makes the handshake on `io`, within its time and among no more than may be under way.
pub(crate) async fn accept<Io>(
    mut io: Io,
    tls: &Tls,
    slots: &Slots,
    limits: &Limits,
) -> Result<(Box<TlsStream<Rewound<Io>>>, Spoken), Failed<Io>>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let deadline = later(Instant::now(), limits.handshake_timeout);
    // A connection that says nothing costs a socket, and takes no handshake's place.
    let first = match timeout_at(deadline, io.read_u8()).await {
        Err(_) => return Err(Failed::Slow),
        Ok(Ok(HANDSHAKE)) => HANDSHAKE,
        Ok(Ok(letter)) if letter.is_ascii_alphabetic() => return Err(Failed::Plain(io)),
        Ok(Ok(_)) => return Err(Failed::Broken("it does not begin as TLS does".to_owned())),
        Ok(Err(error)) => return Err(Failed::Broken(error.to_string())),
    };
    let acceptor = TlsAcceptor::from(std::sync::Arc::clone(&tls.config));
    let shaken = timeout_at(deadline, async {
        let _slot = slots.take(limits.handshakes).await;
        acceptor.accept_with(Rewound::new(first, io), |session| session.set_buffer_limit(Some(BUFFER))).await
    });
    // On the heap: it is needed for a moment, and would be the largest part of every connection.
    match Box::pin(shaken).await {
        Err(_) => Err(Failed::Slow),
        Ok(Err(error)) => Err(Failed::Broken(error.to_string())),
        Ok(Ok(stream)) => {
            let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
            Ok((Box::new(stream), if http2 { Spoken::Http2 } else { Spoken::Http1 }))
        }
    }
}

/// Tells a client that spoke plain HTTP what this port is, and closes once it has read that.
pub(crate) async fn say_that_this_is_tls<Io: AsyncRead + AsyncWrite + Unpin>(mut io: Io) {
    let telling = async {
        io.write_all(NOT_PLAIN).await?;
        io.shutdown().await?;
        // What it still sends is read away: closing over it would reset the connection before it has read.
        tokio::io::copy(&mut io, &mut tokio::io::sink()).await
    };
    // It is being closed either way.
    let _ = timeout(GOODBYE, telling).await;
}
