//! Clients that ask again as soon as they are answered.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::Options;
use super::check::Check;
use super::tally::Tally;
use crate::clock::{self, Ticker};
use crate::http1::{Event, Inbox, Side, status};
use crate::work::{Expected, Workload};

/// Bytes taken at once.
const ROOM: usize = 64 * 1024;

/// One client and its connection.
pub(super) struct Client {
    stream: TcpStream,
    inbox: Inbox,
    request: Bytes,
    check: Check,
    tally: Arc<Tally>,
}

/// Connects all, and then starts them.
pub(super) async fn start(
    clients: &mut JoinSet<()>,
    options: &Options,
    connections: usize,
    tally: &Arc<Tally>,
) -> Result<()> {
    Client::prime(options).await?;
    let begin = clock::now();
    // Streams that all began at once would have all their chunks at once: they begin spread over a stream's length,
    // which is a little less than a second so that their chunks are spread too.
    let apart = if options.workload == Workload::Paced { 994_000_000 / u64::try_from(connections)? } else { 0 };
    for number in 0..connections {
        let mut client = Client::connect(options, tally).await?;
        let first = begin + apart * u64::try_from(number)?;
        clients.spawn(async move {
            let tally = Arc::clone(&client.tally);
            let done = async {
                if apart > 0 {
                    Ticker::start(first.max(1), u64::MAX >> 2)?.tick().await?;
                }
                while tally.begin() {
                    client.exchange().await?;
                    tally.completed();
                }
                Ok(())
            };
            done.await.unwrap_or_else(|error| tally.failed(&error));
        });
    }
    Ok(())
}

impl Client {
    /// Asks once before anything is measured: a proxy may learn from the first answer how it passes on the others.
    pub(super) async fn prime(options: &Options) -> Result<()> {
        let mut first = Self::connect(options, &Arc::new(Tally::new(Some(1)))).await?;
        first.check = Check::new(Expected::Anything);
        first.exchange().await.context("the first request of all")
    }

    pub(super) async fn connect(options: &Options, tally: &Arc<Tally>) -> Result<Self> {
        let stream = TcpStream::connect(options.target).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            inbox: Inbox::new(Side::Answers, ROOM),
            request: options.workload.request(),
            check: Check::new(options.workload.expected()),
            tally: Arc::clone(tally),
        })
    }

    /// Asks, and takes the whole answer.
    pub(super) async fn exchange(&mut self) -> Result<()> {
        let Self { stream, inbox, request, check, tally } = self;
        stream.write_all(request).await?;
        let mut refusal = None;
        let answered = inbox.message(stream, |event| {
            match (event, &mut refusal) {
                (Event::Head(head), _) => {
                    let status = status(head)?;
                    refusal = (status != 200).then(|| format!("{status} "));
                }
                (Event::Body(bytes), None) => check.piece(bytes, clock::now(), |delay| tally.took(delay))?,
                (Event::Body(bytes), Some(refusal)) => refusal.push_str(&String::from_utf8_lossy(bytes)),
                (Event::ChunkEnd, _) => tally.came_a_chunk(),
                (Event::Framing, _) => {}
                (Event::End, None) => check.end()?,
                (Event::End, Some(refusal)) => bail!("refused: {refusal}"),
            }
            Ok(())
        });
        ensure!(answered.await?, "the connection was closed instead of an answer");
        Ok(())
    }
}
