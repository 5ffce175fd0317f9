//! Taking connections: no more than may be open, and no spinning when the system has none to give.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use sluicegate_core::{Inbound, Kind, Outbound};
use sluicegate_server::{CancellationToken, Handler, Limits, Listener, ListenerPlan, Proxies, serve_listener};
use sluicegate_testkit::{MemoryDialer, MemoryListener, MemoryNet, Wire};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf};
use tokio::time::{Instant, timeout};

use crate::support::{Bench, GET, InMemory, LONG, echo, plan};

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

/// Counts who was turned away.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

impl Handler for Counting {
    async fn serve(&self, inbound: Inbound) -> Outbound {
        echo(inbound).await
    }

    fn refused(&self, listener: &Arc<str>, kind: Kind) {
        assert_eq!((&**listener, kind), ("test", Kind::TooManyConnections));
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A listener that takes `per_address` connections of one address, and who is turned away.
fn capped(per_address: usize, proxies: Proxies) -> (MemoryDialer, Counting) {
    let (listener, dialer) = MemoryNet::anywhere();
    let limits = Limits { per_address, idle_timeout: LONG, ..Limits::default() };
    let plan = ListenerPlan { proxies: Arc::new(proxies), ..plan("test", listener.local_addr(), limits) };
    let counting = Counting::default();
    tokio::spawn(serve_listener(InMemory(listener), plan, counting.clone(), CancellationToken::new()));
    (dialer, counting)
}

/// A connection that begins with `first`, and whether it is served.
async fn served(dialer: &MemoryDialer, first: &[u8]) -> (DuplexStream, bool) {
    let mut connection = dialer.connect().await.unwrap();
    // Closed already, perhaps.
    let _ = connection.write_all(&[first, GET.as_bytes()].concat()).await;
    let served = connection.read_u8().await.is_ok();
    (connection, served)
}

#[tokio::test(start_paused = true)]
async fn v_07_an_address_has_no_more_connections_than_it_may() {
    let (dialer, counting) = capped(2, Proxies::default());
    let (first, second) = (served(&dialer, b"").await, served(&dialer, b"").await);
    assert!(first.1 && second.1);
    for turned_away in 1..4 {
        assert!(!served(&dialer, b"").await.1);
        assert_eq!(counting.0.load(Ordering::SeqCst), turned_away);
    }
    // A place that is given back is there for the next.
    drop(first);
    while !served(&dialer, b"").await.1 {}
}

#[tokio::test(start_paused = true)]
async fn v_07_a_proxys_connections_are_its_clients() {
    let loopback = || vec!["127.0.0.0/8".parse().unwrap()];
    let (dialer, counting) = capped(1, Proxies { trusted: loopback(), announcing: Vec::new() });
    let (first, second) = (served(&dialer, b"").await, served(&dialer, b"").await);
    assert!(first.1 && second.1, "a trusted proxy has as many as it likes");

    let announced = |host: u8| {
        [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02"[..], &[host], b"\x0a\0\0\x01\x12\x34\0\x50"].concat()
    };
    let (dialer, announcing) = capped(1, Proxies { trusted: Vec::new(), announcing: loopback() });
    let (first, second) = (served(&dialer, &announced(1)).await, served(&dialer, &announced(2)).await);
    assert!(first.1 && second.1, "each is another client's");
    assert!(!served(&dialer, &announced(1)).await.1);
    assert_eq!((counting.0.load(Ordering::SeqCst), announcing.0.load(Ordering::SeqCst)), (0, 1));
    drop(first);
    while !served(&dialer, &announced(1)).await.1 {}
}

/// Takes connections for as long as there are descriptors: so many, and those that are given back.
struct Scarce {
    left: Arc<AtomicUsize>,
    then: MemoryListener,
}

/// A connection that has a descriptor.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::SeqCst);
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl Listener for Scarce {
    type Io = Counted;

    async fn accept(&mut self) -> io::Result<(Counted, SocketAddr)> {
        let (io, peer) = self.then.accept().await?;
        self.left.fetch_sub(1, Ordering::SeqCst);
        Ok((Counted(io, Arc::clone(&self.left)), peer))
    }

    fn is_last(io: &Counted) -> bool {
        io.1.load(Ordering::SeqCst) == 0
    }

    fn has_room(&self) -> bool {
        self.left.load(Ordering::SeqCst) > 0
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.then.local_addr())
    }
}

#[tokio::test(start_paused = true)]
async fn v_05_the_last_descriptors_are_not_for_clients() {
    let (then, dialer) = MemoryNet::anywhere();
    let left = Arc::new(AtomicUsize::new(2));
    let scarce = Scarce { left: Arc::clone(&left), then };
    let limits = Limits { idle_timeout: LONG, ..Limits::default() };
    tokio::spawn(serve_listener(scarce, plan("test", dialer.address(), limits), echo, CancellationToken::new()));
    let mut wires = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
        wire.send(GET).await;
        wires.push(wire);
    }
    assert_eq!(wires[0].read_response().await.status(), 200);
    assert_eq!(wires[1].read_response().await.status(), 200);
    assert!(timeout(LONG / 2, wires[2].read_response()).await.is_err(), "taken where none is left");
    // One is given back by this listener, and another one by somebody else.
    drop(wires.remove(0));
    assert_eq!(wires[1].read_response().await.status(), 200);
    let mut fourth = Wire::over(dialer.connect().await.unwrap()).patient(LONG);
    fourth.send(GET).await;
    assert!(timeout(LONG / 4, fourth.read_response()).await.is_err(), "taken where none is left");
    left.fetch_add(1, Ordering::SeqCst);
    assert_eq!(fourth.read_response().await.status(), 200);
}
