//! The HTTP client on several workers: each has connections of its own, and all together keep the bounds.

use std::future::{Future, pending, poll_fn};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use h2::server::Builder;
use sluicegate_adapters::http::{Answer, Client, Connector, Fault, HttpError, Origin, Patience, Speaks, TcpConnector};
use sluicegate_core::{Body, Clock, Deadline, Response as Answered, Sent, Worker};
use sluicegate_testkit::{Event, FakeClock, MemoryNet, PATIENCE, Script, Upstream, Wire, wait_for, within};

use crate::h2peer::{H2Peer, answer, begin};
use crate::support::{InMemory, SHORT, endpoint, posted};

/// A client of one endpoint.
struct Fixture {
    client: Client,
    origin: Arc<Origin>,
    clock: Arc<FakeClock>,
}

impl Fixture {
    fn over_http1(server: &Upstream) -> Self {
        Self::new(Arc::new(TcpConnector), &server.authority(), Speaks::Http1)
    }

    fn over_http2(peer: &H2Peer) -> Self {
        Self::new(Arc::new(InMemory(peer.dialer.clone())), "memory:1", Speaks::Http2)
    }

    fn new(connector: Arc<dyn Connector>, authority: &str, speaks: Speaks) -> Self {
        let clock = Arc::new(FakeClock::following_tokio());
        let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let client = Client::new(connector, shared);
        let origin = client.origin_speaking(&endpoint(authority), speaks).unwrap();
        Self { client, origin, clock }
    }

    async fn send_within(&self, time: Duration) -> Result<Answered<Answer>, HttpError> {
        let patience = Patience { connect: PATIENCE, deadline: Deadline(self.clock.now() + time) };
        self.client.send(&self.origin, posted("/", Body::Empty), patience).await
    }

    async fn ask(&self) {
        let answer = within("an answer", self.send_within(PATIENCE * 2)).await.unwrap();
        within("the body", answer.body.collect(100)).await.unwrap();
    }
}

fn group(count: usize) -> Vec<Worker> {
    Worker::group(NonZeroUsize::new(count).unwrap()).collect()
}

/// Runs `future` as this worker does.
async fn by<T>(worker: Worker, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = worker.enter();
        future.as_mut().poll(context)
    })
    .await
}

fn hello() -> Script {
    Script::always("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
}

#[tokio::test]
async fn no_worker_uses_a_connection_of_another() {
    let server = Upstream::start(hello()).await;
    let fixture = Fixture::over_http1(&server);
    let workers = group(3);
    for round in 0..3 {
        for worker in &workers {
            by(*worker, fixture.ask()).await;
            let made = if round == 0 { worker.number() } else { 3 };
            assert_eq!(server.recorder().connections(), made);
        }
    }
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 3), "they are counted together");
    by(Worker::NONE, fixture.ask()).await;
    assert_eq!(server.recorder().connections(), 4, "a thread that is no worker has its own too");
}

#[tokio::test]
async fn no_worker_uses_a_connection_of_another_over_http2() {
    let peer = H2Peer::start(|(_request, mut respond)| async move { answer(&mut respond, "hello") });
    let fixture = Fixture::over_http2(&peer);
    for _ in 0..3 {
        for worker in group(3) {
            by(worker, fixture.ask()).await;
        }
    }
    assert_eq!(peer.connections(), 3);
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 3), "they are counted together");
}

#[tokio::test]
async fn idle_connections_of_all_workers_together_are_bounded() {
    let server = Upstream::start(hello()).await;
    let fixture = Fixture::over_http1(&server);
    for worker in group(4) {
        // All at once, so that each has a connection for itself.
        by(worker, join_all((0..40).map(|_| fixture.ask()))).await;
        assert_eq!(fixture.origin.idle(), 32 * worker.number());
    }
}

#[tokio::test(start_paused = true)]
async fn http2_connections_of_all_workers_together_are_bounded() {
    let peer = H2Peer::with(Builder::new().max_concurrent_streams(1), |(_request, mut respond)| async move {
        let _unfinished = begin(&mut respond);
        pending().await
    });
    let fixture = Fixture::over_http2(&peer);
    let mut answers = Vec::new();
    for worker in group(4) {
        for _ in 0..2 {
            answers.push(by(worker, fixture.send_within(PATIENCE * 2)).await.unwrap());
        }
        let error = by(worker, fixture.send_within(SHORT)).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::TimedOut, Sent::Nothing));
        assert_eq!(peer.connections(), 2 * worker.number());
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_worker_does_not_wait_for_another() {
    let release = Event::new();
    let peer = H2Peer::with(Builder::new().max_concurrent_streams(1), {
        let release = release.clone();
        move |(_request, mut respond)| {
            let release = release.clone();
            async move {
                release.wait().await;
                answer(&mut respond, "hello");
            }
        }
    });
    let fixture = Fixture::over_http2(&peer);
    let [first, second] = group(2)[..] else { panic!("two") };
    let waiting = join_all((0..8).map(|_| by(first, fixture.ask())));
    let other = async {
        wait_for(|| fixture.origin.in_use() >= 4, "the first worker's connections to be full").await;
        let error = by(second, fixture.send_within(SHORT)).await.unwrap_err();
        assert_eq!(error.sent, Sent::All, "it went out over a connection of its own: {error}");
        release.release();
        by(second, fixture.ask()).await;
    };
    tokio::join!(waiting, other);
}

#[tokio::test(start_paused = true)]
async fn connections_to_an_endpoint_that_is_gone_are_closed_on_every_worker() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let fixture = Fixture::new(Arc::new(InMemory(dialer)), "memory:1", Speaks::Http1);
    let mut wires = Vec::new();
    for worker in group(3) {
        let serving = async {
            let mut wire = Wire::over(listener.accept().await.unwrap().0);
            wire.read_head().await;
            wire.send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
            wire
        };
        wires.push(tokio::join!(by(worker, fixture.ask()), serving).1);
    }
    assert_eq!(fixture.origin.idle(), 3);
    // As when a generation goes that named it. The client stays.
    let Fixture { client: _client, origin, .. } = fixture;
    drop(origin);
    for wire in &mut wires {
        assert_eq!(wire.read_to_end().await, b"");
    }
}

#[tokio::test(start_paused = true)]
async fn http2_connections_to_an_endpoint_that_is_gone_are_closed_on_every_worker() {
    let peer = H2Peer::start(|(_request, mut respond)| async move { answer(&mut respond, "hello") });
    let fixture = Fixture::over_http2(&peer);
    for worker in group(3) {
        by(worker, fixture.ask()).await;
    }
    let Fixture { client: _client, origin, .. } = fixture;
    drop(origin);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!((peer.connections(), peer.ended()), (3, 3));
}
