//! What the gateway says is under way.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(2);

/// The admin listener.
pub(super) struct Counters(SocketAddr);

impl Counters {
    pub(super) const fn new(admin: SocketAddr) -> Self {
        Self(admin)
    }

    /// Waits until so many requests are under way, and at most so many of all backends' calls under way and waiting.
    pub(super) async fn until(&self, requests: usize, calls: usize) -> Result<()> {
        loop {
            if self.requests().await? == requests && self.calls().await? <= calls {
                return Ok(());
            }
            sleep(EVERY).await;
        }
    }

    /// Requests of all listeners.
    async fn requests(&self) -> Result<usize> {
        let metrics = self.get("/metrics").await?;
        let lines = metrics.lines().filter(|line| line.starts_with("sluicegate_requests_in_flight{"));
        let counts = lines.map(|line| line.rsplit(' ').next().unwrap_or_default().parse::<usize>());
        counts.sum::<Result<usize, _>>().context("requests in flight")
    }

    /// Calls of all backends, those that wait for a turn too.
    async fn calls(&self) -> Result<usize> {
        let status: Value = serde_json::from_str(&self.get("/status").await?)?;
        let backends = status.get("backends").and_then(Value::as_array).context("no backends")?;
        let count = |backend: &Value, name: &str| backend.get(name).and_then(Value::as_u64).context("no count");
        let counts = backends.iter().map(|backend| Ok(count(backend, "in_flight")? + count(backend, "waiting")?));
        Ok(usize::try_from(counts.sum::<Result<u64>>()?)?)
    }

    async fn get(&self, path: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.0).await?;
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("no head")?;
        Ok(body.to_owned())
    }
}
