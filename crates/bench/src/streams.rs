//! Clients that read streams: so many at once, each of so many chunks, one behind the other. Every chunk tells when it was
//! sent, so that what was held up on the way shows, and a stream that ends before its last chunk is one that was cut.

mod client;
mod outcome;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use self::client::Client;
pub(crate) use self::outcome::Outcome;
use self::outcome::Stream;
use crate::say;
use crate::work::STEADY_EVERY;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Whom
    #[arg(long)]
    target: SocketAddr,
    /// Streams at once
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// Of these so many over HTTP/2, all on one connection
    #[arg(long, default_value_t = 0)]
    http2: usize,
    /// Chunks of each, one each 100 ms
    #[arg(long)]
    chunks: u64,
    /// Seconds in which a stream that has ended is followed by another; then those that are left end
    #[arg(long, default_value_t = 0.0)]
    seconds: f64,
}

/// Reads until the last stream has ended. `begun` is said when all have.
pub(crate) async fn run(options: Options) -> Result<Outcome> {
    let client = Arc::new(Client::new(options.target, options.chunks));
    let streams = Arc::new(Mutex::new(Vec::new()));
    let until = Instant::now() + Duration::from_secs_f64(options.seconds);
    // Spread over a stream's length where they follow one another, so that at any time some begin and some end; else
    // over the time between two chunks.
    let length = if options.seconds > 0.0 { STEADY_EVERY.saturating_mul(options.chunks) } else { STEADY_EVERY };
    let apart = Duration::from_nanos(length / u64::try_from(options.count.max(1))?);
    let mut reading = JoinSet::new();
    let begin = Instant::now();
    for number in 0..options.count {
        let (client, streams) = (Arc::clone(&client), Arc::clone(&streams));
        let http2 = number < options.http2;
        let first = begin + apart * u32::try_from(number)?;
        reading.spawn(async move {
            sleep_until(first).await;
            loop {
                let mut stream = Stream::default();
                let ended = client.read(http2, &mut stream).await;
                stream.end(ended);
                let failed = stream.failed();
                streams.lock().push(stream);
                if Instant::now() >= until {
                    return;
                }
                if failed {
                    // Not as fast as it can.
                    sleep(Duration::from_millis(10)).await;
                }
            }
        });
    }
    sleep_until(begin + Duration::from_nanos(length)).await;
    say("begun")?;
    while reading.join_next().await.is_some() {}
    let streams = std::mem::take(&mut *streams.lock());
    Ok(Outcome::new(streams))
}
