//! One slow client.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::pki_types::ServerName;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{interval, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock;

/// What is slow about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Kind {
    /// Its head comes byte by byte.
    Head,
    /// Its body does.
    Body,
    /// It takes its answer little by little.
    Reader,
}

/// One that is connected and has begun.
pub(super) struct Slow {
    stream: TlsStream<TcpStream>,
    kind: Kind,
    begun: u64,
}

/// Between two bytes that are sent, or two sips that are taken.
const EVERY: Duration = Duration::from_secs(2);
/// How much a reader takes.
const SIP: usize = 256;
/// What the system may hold for a reader, so that what is not read stays at the gateway.
const RECEIVE: u32 = 4096;
/// Longer than any limit of the gateway.
const PATIENCE: Duration = Duration::from_secs(300);

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Head, Self::Body, Self::Reader];

    fn first(self) -> String {
        match self {
            Self::Head => "POST /v2/models/slow/infer HTTP/1.1\r\nhost: localhost\r\nx-drip: ".to_owned(),
            Self::Body => {
                "POST /v2/models/slow/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                 content-length: 1000\r\n\r\n{"
                    .to_owned()
            }
            Self::Reader => {
                let body = r#"{"inputs":[]}"#;
                format!(
                    "POST /v2/models/slow/infer HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                     content-length: {}\r\n\r\n{body}",
                    body.len()
                )
            }
        }
    }
}

impl Slow {
    pub(super) async fn open(connector: &TlsConnector, target: SocketAddr, kind: Kind) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(RECEIVE)?;
        let stream = socket.connect(target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut stream = connector.connect(ServerName::try_from("localhost")?, stream).await.context("no handshake")?;
        let begun = clock::now();
        stream.write_all(kind.first().as_bytes()).await?;
        stream.flush().await?;
        Ok(Self { stream, kind, begun })
    }

    /// Goes on slowly. Nanoseconds until it was cut; `None`: it was not.
    pub(super) async fn until_cut(mut self) -> Option<u64> {
        let cut = timeout(PATIENCE, async {
            match self.kind {
                Kind::Head | Kind::Body => self.drip().await,
                Kind::Reader => self.sip().await,
            }
        });
        cut.await.ok()?;
        Some(clock::now().saturating_sub(self.begun))
    }

    /// Until something comes: no answer is due, so it is a refusal, or the end.
    async fn drip(&mut self) {
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let dripping = async {
            let mut ticks = interval(EVERY);
            loop {
                ticks.tick().await;
                if writer.write_all(b"x").await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = dripping => {}
            _ = reader.read_u8() => {}
        }
    }

    /// Until nothing comes any more.
    async fn sip(&mut self) {
        let mut ticks = interval(EVERY);
        let mut sip = [0; SIP];
        loop {
            ticks.tick().await;
            if !matches!(self.stream.read(&mut sip).await, Ok(1..)) {
                return;
            }
        }
    }
}
