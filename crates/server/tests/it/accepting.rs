//! Taking connections: no more than may be open, and no spinning when the system has none to give.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sluicegate_server::{CancellationToken, Limits, Listener, serve_listener};
use sluicegate_testkit::{MemoryListener, MemoryNet, Wire};
use tokio::io::DuplexStream;
use tokio::time::{Instant, timeout};

use crate::support::{Bench, GET, LONG, echo, plan};

#[tokio::test(start_paused = true)]
async fn connections_over_the_cap_wait_until_one_closes() {
    let bench = Bench::start(Limits { connections: 2, idle_timeout: LONG, ..Limits::default() }, echo);
    let mut wires = Vec::new();
    for _ in 0..2 {
        let mut wire = bench.wire().await;
        wire.send(GET).await;
        assert_eq!(wire.read_response().await.status(), 200);
        wires.push(wire);
    }
    let mut third = bench.wire().await;
    third.send(GET).await;
    assert!(timeout(Duration::from_secs(5), third.read_response()).await.is_err(), "served beyond the cap");
    drop(wires.pop());
    assert_eq!(third.read_response().await.status(), 200);
    // The other one was not touched.
    wires[0].send(GET).await;
    assert_eq!(wires[0].read_response().await.status(), 200);
}

/// Fails with the given errors first, then takes connections.
struct Failing {
    errors: VecDeque<io::Error>,
    calls: Arc<AtomicUsize>,
    then: MemoryListener,
}

impl Listener for Failing {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match self.errors.pop_front() {
            Some(error) => Err(error),
            None => self.then.accept().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.then.local_addr())
    }
}

/// How long a connection waited, and the accepts it took, when that fails with `errors` first.
async fn waited(errors: impl IntoIterator<Item = io::Error>) -> (Duration, usize) {
    let (then, dialer) = MemoryNet::anywhere();
    let calls = Arc::new(AtomicUsize::new(0));
    let failing = Failing { errors: errors.into_iter().collect(), calls: Arc::clone(&calls), then };
    let plan = plan("test", dialer.address(), Limits::default());
    let start = Instant::now();
    let served = tokio::spawn(serve_listener(failing, plan, echo, CancellationToken::new()));
    let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    wire.send(GET).await;
    assert_eq!(wire.read_response().await.status(), 200);
    served.abort();
    (start.elapsed(), calls.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_failing_accept_backs_off_and_recovers() {
    /// "Too many open files" on Linux.
    const EMFILE: i32 = 24;
    let (waited, calls) = waited((0..20).map(|_| io::Error::from_raw_os_error(EMFILE))).await;
    // 10 + 20 + ... + 640 ms, then a second each: the time is virtual and exact to the timer's millisecond.
    assert!(waited >= Duration::from_millis(1270 + 13 * 1000), "{waited:?}");
    assert!(waited <= Duration::from_millis(1270 + 13 * 1000 + 20), "{waited:?}");
    assert!(calls <= 22, "{calls}");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_aborted_costs_no_time() {
    let aborted = (0..5).map(|_| io::Error::from(io::ErrorKind::ConnectionAborted));
    let (waited, _) = waited(aborted).await;
    assert_eq!(waited, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_failing_accept_still_drains() {
    let (then, dialer) = MemoryNet::anywhere();
    let errors = (0..1000).map(|_| io::Error::from(io::ErrorKind::OutOfMemory)).collect();
    let failing = Failing { errors, calls: Arc::default(), then };
    let shutdown = CancellationToken::new();
    let plan = plan("test", dialer.address(), Limits::default());
    let served = tokio::spawn(serve_listener(failing, plan, echo, shutdown.clone()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    shutdown.cancel();
    let start = Instant::now();
    served.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}
