//! The HTTP client: its pool, its errors, and how exactly it says what had been sent.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use sluicegate_adapters::http::{Answer, Client, Connector, Fault, HttpError, Io, Origin, Patience, TcpConnector};
use sluicegate_core::{Body, BodyError, BoxFuture, Clock, Deadline, Response, Sent};
use sluicegate_testkit::{
    Ended, Event, FakeClock, MemoryListener, MemoryNet, PATIENCE, Script, Step, Upstream, Wire, within,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::support::{InMemory, SHORT, breaking, endpoint, posted, settle, streamed, unending};

struct Fixture {
    server: Upstream,
    client: Client,
    origin: Arc<Origin>,
    clock: Arc<FakeClock>,
}

impl Fixture {
    async fn new(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::over(Arc::new(TcpConnector), scripts).await
    }

    async fn over(connector: Arc<dyn Connector>, scripts: impl IntoIterator<Item = Script>) -> Self {
        let server = Upstream::start_each(scripts).await;
        let clock = Arc::new(FakeClock::following_tokio());
        let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let client = Client::new(connector, shared);
        let origin = client.origin(&endpoint(&server.authority())).unwrap();
        Self { server, client, origin, clock }
    }

    fn patience(&self, time: Duration) -> Patience {
        Patience { connect: PATIENCE, deadline: Deadline(self.clock.now() + time) }
    }

    async fn send(&self, body: Body) -> Result<Response<Answer>, HttpError> {
        self.send_within(body, PATIENCE * 2).await
    }

    async fn send_within(&self, body: Body, time: Duration) -> Result<Response<Answer>, HttpError> {
        let request = posted("/run", body);
        within("an answer", self.client.send(&self.origin, request, self.patience(time))).await
    }

    /// The whole answer's text.
    async fn text(&self, body: Body) -> String {
        let answer = self.send(body).await.unwrap().body;
        String::from_utf8(within("the body", answer.collect(1 << 20)).await.unwrap().to_vec()).unwrap()
    }

    async fn error(&self, body: Body) -> HttpError {
        self.send(body).await.map(|answer| answer.status).unwrap_err()
    }
}

fn ok(text: &str) -> Bytes {
    Script::response("200 OK", &[], text)
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let fixture = Fixture::new([Script::always(ok("hello"))]).await;
    for _ in 0..5 {
        assert_eq!(fixture.text(Body::from("question".to_owned())).await, "hello");
        assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 1));
    }
    assert_eq!(fixture.server.recorder().connections(), 1);
}

#[tokio::test]
async fn a_head_that_comes_again_is_read_as_before_and_another_is_not_taken_for_it() {
    let answer = |kind: &str, text: &str| Script::response("200 OK", &[("X-Kind", kind)], text);
    let said =
        [("a", "abc"), ("a", "abc"), ("a", "xyz"), ("b", "xyz"), ("a", "0123456789"), ("a", "0123456789"), ("a", "")];
    let script =
        said.iter().fold(Script::new(), |script, (kind, text)| script.then(Step::ReadRequest).send(answer(kind, text)));
    let fixture = Fixture::new([script]).await;
    for (kind, text) in said {
        let response = fixture.send(Body::Empty).await.unwrap();
        assert_eq!(response.headers.get("x-kind").unwrap(), kind);
        assert_eq!(response.body.collect(1 << 20).await.unwrap(), text);
    }
    assert_eq!(fixture.server.recorder().connections(), 1);
}

#[tokio::test]
async fn chunked_answers_and_empty_ones_give_their_connection_back() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let empty = "HTTP/1.1 204 No Content\r\n\r\n";
    let script = Script::new()
        .then(Step::ReadRequest)
        .send(chunked)
        .then(Step::ReadRequest)
        .send(empty)
        .then(Step::ReadRequest)
        .send(ok("last"));
    let fixture = Fixture::new([script]).await;
    for expected in ["hello", "", "last"] {
        assert_eq!(fixture.text(Body::Empty).await, expected);
    }
    assert_eq!(fixture.server.recorder().connections(), 1);
}

#[tokio::test]
async fn bodies_of_known_length_say_it_and_others_are_chunked() {
    let fixture = Fixture::new([Script::always(ok(""))]).await;
    let pieces: Body = ["ab", "cd"].into_iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
    for body in [Body::Empty, Body::from("abc".to_owned()), pieces, streamed(&["abc", "de"])] {
        fixture.text(body).await;
    }
    let host = fixture.server.authority();
    let sent = [
        format!("POST /run HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n"),
        format!("POST /run HTTP/1.1\r\nhost: {host}\r\ncontent-length: 3\r\n\r\nabc"),
        format!("POST /run HTTP/1.1\r\nhost: {host}\r\ncontent-length: 4\r\n\r\nabcd"),
        format!(
            "POST /run HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        ),
    ];
    assert_eq!(fixture.server.recorder().text(0), sent.concat());
}

#[tokio::test]
async fn a_refused_connection_had_nothing_sent() {
    let fixture = Fixture::new([Script::new()]).await;
    let Fixture { server, client, origin, clock } = fixture;
    drop(server);
    settle().await;
    let patience = Patience { connect: PATIENCE, deadline: Deadline(clock.now() + PATIENCE) };
    let error = client.send(&origin, posted("/", Body::Empty), patience).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Connect, Sent::Nothing));
    assert_eq!(origin.in_use(), 0);
}

struct Nowhere;

impl Connector for Nowhere {
    fn connect<'a>(&'a self, _authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_had_nothing_sent() {
    let fixture = Fixture::over(Arc::new(Nowhere), [Script::new()]).await;
    let long = fixture.clock.now() + PATIENCE;
    for (connect, deadline, fault) in
        [(SHORT, Deadline(long), Fault::Connect), (PATIENCE, Deadline(fixture.clock.now() + SHORT), Fault::TimedOut)]
    {
        let sending = fixture.client.send(&fixture.origin, posted("/", Body::Empty), Patience { connect, deadline });
        let error = within("the error", sending).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (fault, Sent::Nothing));
    }
}

#[tokio::test]
async fn a_request_whose_time_is_over_is_not_sent() {
    let fixture = Fixture::new([Script::always(ok(""))]).await;
    let error = fixture.send_within(Body::Empty, Duration::ZERO).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::TimedOut, Sent::Nothing));
    assert_eq!(fixture.server.recorder().connections(), 0);
}

#[tokio::test]
async fn a_server_that_leaves_without_an_answer_had_all_of_it() {
    for last in [Step::Finish, Step::Reset] {
        let fixture = Fixture::new([Script::new().then(Step::ReadRequest).then(last)]).await;
        let error = fixture.error(Body::from("question".to_owned())).await;
        assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::All));
        assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0));
    }
}

#[tokio::test]
async fn a_server_that_leaves_in_mid_body_had_some_of_it() {
    let script = Script::new().then(Step::ReadHead).then(Step::Reset);
    let fixture = Fixture::new([script]).await;
    let error = fixture.error(unending(&["some"])).await;
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::Partial));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_a_connection_that_breaks() {
    let fixture = Fixture::new([Script::new().then(Step::ReadToEnd)]).await;
    let reason = BodyError::TooLarge { limit: 4 };
    let came = Event::new();
    let arrived = async {
        fixture.server.recorder().wait_text(0, "some").await;
        came.release();
    };
    let (error, ()) = tokio::join!(fixture.error(breaking("some", &came, reason.clone())), arrived);
    assert_eq!((error.fault, error.sent), (Fault::Request(reason), Sent::Partial));
    // What the server got is no complete request.
    fixture.server.recorder().wait_ended(0).await;
    assert!(!fixture.server.recorder().text(0).contains("0\r\n\r\n"));
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(40 * 1024));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n",
        "HTTP/1.1 999999 OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
        &long,
        &many,
    ] {
        let fixture =
            Fixture::new([Script::new().then(Step::ReadRequest).send(answer.to_owned()).then(Step::ReadToEnd)]);
        let fixture = fixture.await;
        let error = fixture.error(Body::Empty).await;
        let start = answer.get(..60).unwrap_or(answer);
        assert_eq!((error.fault, error.sent), (Fault::Nonsense, Sent::All), "{start}");
        assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0), "{start}");
        fixture.server.recorder().wait_ended(0).await;
    }
}

#[tokio::test]
async fn a_head_without_end_is_given_up() {
    // No end of the head: only the limit ends this.
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n".repeat(2000));
    let fixture = Fixture::new([Script::new().then(Step::ReadRequest).send(endless).then(Step::ReadToEnd)]).await;
    assert_eq!(fixture.error(Body::Empty).await.fault, Fault::Nonsense);
}

#[tokio::test]
async fn interim_answers_are_ignored_up_to_a_bound() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let some = format!("{interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    let fixture = Fixture::new([Script::always(some)]).await;
    assert_eq!(fixture.text(Body::Empty).await, "ok");
    let flood = interim.repeat(4000);
    let fixture = Fixture::new([Script::new().then(Step::ReadRequest).send(flood).then(Step::ReadToEnd)]).await;
    assert_eq!(fixture.error(Body::Empty).await.fault, Fault::Nonsense);
    fixture.server.recorder().wait_ended(0).await;
}

/// A client over connections in memory, where paused time passes only when nothing else can happen.
fn in_memory() -> (MemoryListener, Client, Arc<Origin>, Patience) {
    let (listener, dialer) = MemoryNet::anywhere();
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::following_tokio());
    let client = Client::new(Arc::new(InMemory(dialer)), Arc::clone(&clock));
    let origin = client.origin(&endpoint("memory:1")).unwrap();
    let patience = Patience { connect: PATIENCE, deadline: Deadline(clock.now() + SHORT) };
    (listener, client, origin, patience)
}

#[tokio::test(start_paused = true)]
async fn a_stalled_answer_times_out_and_closes_the_connection() {
    for (body, last, sent) in
        [(Body::from("all".to_owned()), "\r\n\r\nall", Sent::All), (unending(&["some"]), "some\r\n", Sent::Partial)]
    {
        let (mut listener, client, origin, patience) = in_memory();
        let request = posted("/run", body);
        let sending = client.send(&origin, request, patience);
        let serving = async { Wire::over(listener.accept().await.unwrap().0).read_to_end().await };
        let (answer, received) = tokio::join!(sending, serving);
        let error = answer.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::TimedOut, sent));
        assert!(received.ends_with(last.as_bytes()), "{:?}", String::from_utf8_lossy(&received));
        assert_eq!((origin.in_use(), origin.idle()), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_times_out_and_closes_the_connection() {
    let (mut listener, client, origin, patience) = in_memory();
    let asking = async {
        let answer = client.send(&origin, posted("/", Body::Empty), patience).await.unwrap();
        answer.body.collect(100).await
    };
    let serving = async {
        let mut wire = Wire::over(listener.accept().await.unwrap().0);
        wire.read_head().await;
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello").await;
        wire.read_to_end().await
    };
    let (answer, rest) = tokio::join!(asking, serving);
    assert_eq!((answer, rest), (Err(BodyError::TimedOut), Vec::new()));
    assert_eq!((origin.in_use(), origin.idle()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn bytes_without_end_do_not_outrun_the_time() {
    let (mut listener, client, origin, patience) = in_memory();
    let asking = async {
        let answer = client.send(&origin, posted("/", Body::Empty), patience).await.unwrap();
        answer.body.collect(u64::MAX).await
    };
    let serving = async {
        let mut wire = Wire::over(listener.accept().await.unwrap().0);
        wire.read_head().await;
        wire.send("HTTP/1.1 200 OK\r\n\r\n").await;
        while wire.try_send("drop by drop ").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    let (answer, ()) = tokio::join!(asking, serving);
    assert_eq!(answer, Err(BodyError::TimedOut));
}

#[tokio::test]
async fn an_answer_cut_short_is_broken() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nshort",
    ] {
        for last in [Step::Finish, Step::Reset] {
            let fixture = Fixture::new([Script::new().then(Step::ReadRequest).send(answer).then(last)]).await;
            // A reset may overtake the head.
            let Ok(response) = fixture.send(Body::Empty).await else { continue };
            let result = within("the end", response.body.collect(100)).await;
            assert!(matches!(result, Err(BodyError::Broken(_))), "{answer}: {result:?}");
            assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0));
        }
    }
}

#[tokio::test]
async fn a_body_larger_than_asked_for_is_given_up_at_once() {
    // It says so beforehand, and never sends it.
    let never = Event::new();
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
    let script = Script::new().then(Step::ReadRequest).send(huge).then(Step::Wait(never));
    let fixture = Fixture::new([script]).await;
    let answer = fixture.send(Body::Empty).await.unwrap().body;
    assert_eq!(answer.collect(1000).await, Err(BodyError::TooLarge { limit: 1000 }));
    // It does not say so.
    let chunk = format!("64\r\n{}\r\n", "x".repeat(100)).repeat(11);
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let fixture = Fixture::new([Script::once(format!("{head}{chunk}")).then(Step::ReadToEnd)]).await;
    let answer = fixture.send(Body::Empty).await.unwrap().body;
    assert_eq!(within("the end", answer.collect(1000)).await, Err(BodyError::TooLarge { limit: 1000 }));
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0));
}

#[tokio::test]
async fn a_pooled_connection_that_was_closed_is_not_used() {
    let close = Event::new();
    let script = Script::once(ok("one")).then(Step::Wait(close.clone()));
    let fixture = Fixture::new([script, Script::once(ok("two"))]).await;
    assert_eq!(fixture.text(Body::Empty).await, "one");
    assert_eq!(fixture.origin.idle(), 1);
    close.release();
    fixture.server.recorder().wait_ended(0).await;
    settle().await;
    assert_eq!(fixture.text(Body::Empty).await, "two");
    assert_eq!(fixture.server.recorder().connections(), 2);
}

#[tokio::test]
async fn a_pooled_connection_that_spoke_unasked_is_not_used() {
    let more = Event::new();
    let said = Event::new();
    let script = Script::once(ok("one"))
        .then(Step::Wait(more.clone()))
        .send(ok("poison"))
        .then(Step::Tell(said.clone()))
        .then(Step::ReadToEnd);
    let fixture = Fixture::new([script, Script::once(ok("two"))]).await;
    assert_eq!(fixture.text(Body::Empty).await, "one");
    more.release();
    within("the poison", said.wait()).await;
    settle().await;
    assert_eq!(fixture.text(Body::Empty).await, "two");
}

#[tokio::test]
async fn what_follows_an_answer_in_one_breath_spoils_its_connection() {
    let both = [ok("one"), ok("poison")].concat();
    let fixture = Fixture::new([Script::once(both).then(Step::ReadToEnd), Script::once(ok("two"))]).await;
    assert_eq!(fixture.text(Body::Empty).await, "one");
    assert_eq!(fixture.text(Body::Empty).await, "two");
}

#[tokio::test]
async fn connections_that_say_close_or_end_with_their_answer_are_not_kept() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nok",
    ] {
        let fixture = Fixture::new([Script::once(answer)]).await;
        assert_eq!(fixture.text(Body::Empty).await, "ok");
        assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_read_to_its_end_costs_its_connection() {
    let never = Event::new();
    let part = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello";
    let script = Script::new().then(Step::ReadRequest).send(part).then(Step::Wait(never));
    let fixture = Fixture::new([script, Script::once(ok("clean"))]).await;
    let answer = fixture.send(Body::Empty).await.unwrap();
    assert_eq!(fixture.origin.in_use(), 1);
    drop(answer);
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0));
    assert_eq!(fixture.server.recorder().wait_ended(0).await, Ended::ByClient);
    assert_eq!(fixture.text(Body::Empty).await, "clean");
}

#[tokio::test]
async fn an_answer_before_the_request_is_complete_costs_its_connection() {
    let script = Script::new()
        .then(Step::ReadHead)
        .send(Script::response("413 Content Too Large", &[], "no"))
        .then(Step::ReadToEnd);
    let fixture = Fixture::new([script]).await;
    let answer = fixture.send(unending(&["some"])).await.unwrap();
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(within("the body", answer.body.collect(10)).await.unwrap(), "no");
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0));
    fixture.server.recorder().wait_ended(0).await;
}

#[tokio::test]
async fn a_dropped_request_closes_its_connection() {
    let never = Event::new();
    let fixture = Fixture::new([Script::stalled(&never, ok(""))]).await;
    tokio::select! {
        biased;
        answer = fixture.send(Body::from("question".to_owned())) => panic!("answered: {answer:?}"),
        () = fixture.server.recorder().wait_text(0, "question") => {}
    }
    assert_eq!(fixture.origin.in_use(), 0);
    assert_eq!(fixture.server.recorder().wait_ended(0).await, Ended::ByClient);
}

#[tokio::test]
async fn idle_connections_grow_too_old() {
    let fixture = Fixture::new([Script::always(ok("hello"))]).await;
    fixture.text(Body::Empty).await;
    fixture.clock.advance(Duration::from_secs(3));
    fixture.text(Body::Empty).await;
    assert_eq!(fixture.server.recorder().connections(), 1);
    fixture.clock.advance(Duration::from_secs(4));
    fixture.text(Body::Empty).await;
    assert_eq!(fixture.server.recorder().connections(), 2);
    fixture.server.recorder().wait_ended(0).await;
}

#[tokio::test(start_paused = true)]
async fn old_connections_are_closed_also_where_nothing_is_asked_any_more() {
    let (mut listener, client, origin, patience) = in_memory();
    let clock = FakeClock::following_tokio();
    for _ in 0..2 {
        let patience = Patience { deadline: Deadline(clock.now() + SHORT), ..patience };
        let sending = client.send(&origin, posted("/", Body::Empty), patience);
        let serving = async {
            let mut wire = Wire::over(listener.accept().await.unwrap().0);
            wire.read_head().await;
            wire.send(ok("hello")).await;
            wire
        };
        let (answer, mut wire) = tokio::join!(sending, serving);
        assert_eq!(answer.unwrap().body.collect(100).await.unwrap(), "hello");
        assert_eq!(origin.idle(), 1);
        assert_eq!(wire.read_to_end().await, b"");
        assert_eq!(origin.idle(), 0);
    }
}

#[tokio::test]
async fn idle_connections_are_bounded_in_number() {
    let fixture = Fixture::new([Script::always(ok("hello"))]).await;
    // All at once, so that each has a connection for itself.
    join_all((0..140).map(|_| fixture.text(Body::Empty))).await;
    assert_eq!(fixture.server.recorder().connections(), 140);
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 128));
}

/// Makes connections that end at a moment of the test's choice.
#[derive(Clone, Default)]
struct Failing {
    closed: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
}

struct FailingIo {
    stream: TcpStream,
    /// Only the first connection fails.
    closed: Option<Arc<AtomicBool>>,
}

impl Connector for Failing {
    fn connect<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let first = self.made.fetch_add(1, Ordering::SeqCst) == 0;
            let stream = TcpStream::connect(authority).await?;
            Ok(Box::new(FailingIo { stream, closed: first.then(|| Arc::clone(&self.closed)) }) as Box<dyn Io>)
        })
    }
}

impl AsyncRead for FailingIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.closed.as_ref().is_some_and(|closed| closed.load(Ordering::SeqCst)) {
            true => Poll::Ready(Ok(())),
            false => Pin::new(&mut self.stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for FailingIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[tokio::test]
async fn a_request_of_which_nothing_left_goes_out_again_with_its_streamed_body() {
    let connector = Failing::default();
    let fixture = Fixture::over(Arc::new(connector.clone()), [Script::always(ok("hello"))]).await;
    assert_eq!(fixture.text(Body::Empty).await, "hello");
    let before = fixture.server.recorder().connection(0).bytes.len();
    // Closed when the request is to be written.
    connector.closed.store(true, Ordering::SeqCst);
    assert_eq!(fixture.text(streamed(&["stream", "ed"])).await, "hello");
    assert_eq!(fixture.server.recorder().connections(), 2);
    assert_eq!(fixture.server.recorder().connection(0).bytes.len(), before);
    assert!(fixture.server.recorder().text(1).contains("stream"));
}

#[tokio::test]
async fn a_request_of_which_something_left_is_not_sent_again() {
    let script = Script::once(ok("one")).then(Step::ReadRequest).then(Step::Reset);
    let fixture = Fixture::new([script, Script::always(ok("two"))]).await;
    assert_eq!(fixture.text(Body::Empty).await, "one");
    let error = fixture.error(Body::from("once".to_owned())).await;
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::All));
    assert_eq!(fixture.server.recorder().connections(), 1);
}

/// Connections whose server is told to close them when a second request is about to be written.
#[derive(Clone)]
struct Closing(Arc<Barrier>);

struct ClosingIo {
    stream: TcpStream,
    requests: usize,
    close: Arc<Barrier>,
}

impl Connector for Closing {
    fn connect<'a>(&'a self, authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        Box::pin(async move {
            let (stream, close) = (TcpStream::connect(authority).await?, Arc::clone(&self.0));
            Ok(Box::new(ClosingIo { stream, requests: 0, close }) as Box<dyn Io>)
        })
    }
}

impl AsyncRead for ClosingIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for ClosingIo {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.starts_with(b"POST") {
            self.requests += 1;
            if self.requests == 2 {
                // Once to close, and once more when that is done.
                self.close.wait();
                self.close.wait();
            }
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A request over a connection that its server has closed, without the client having heard of it: what comes back, and how
/// many requests the server read.
async fn too_late(body: Body) -> (Result<StatusCode, (Fault, Sent)>, usize) {
    let close = Arc::new(Barrier::new(2));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    let at_server = Arc::clone(&close);
    let server = std::thread::spawn(move || {
        let mut read = 0;
        for nth in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = Vec::new();
            while !(bytes.ends_with(b"end") || bytes.ends_with(b"\r\n0\r\n\r\n")) {
                let mut piece = [0; 4096];
                let count = std::io::Read::read(&mut stream, &mut piece).unwrap();
                if count == 0 {
                    return read;
                }
                bytes.extend_from_slice(piece.get(..count).unwrap());
            }
            read += 1;
            std::io::Write::write_all(&mut stream, &ok("well")).unwrap();
            if nth == 0 {
                at_server.wait();
                drop(stream);
                at_server.wait();
            }
        }
        read
    });
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::following_tokio());
    let client = Client::new(Arc::new(Closing(close)), Arc::clone(&clock));
    let origin = client.origin(&endpoint(&authority)).unwrap();
    let send = async |body: Body| {
        let request = posted("/run", body);
        let patience = Patience { connect: PATIENCE, deadline: Deadline(clock.now() + PATIENCE) };
        let answer = within("an answer", client.send(&origin, request, patience)).await;
        let answer = answer.map_err(|error| (error.fault, error.sent))?;
        let status = answer.status;
        within("the body", answer.body.collect(1 << 20)).await.unwrap();
        Ok(status)
    };
    assert_eq!(send(Body::from("end".to_owned())).await, Ok(StatusCode::OK));
    let second = send(body).await;
    if second.is_err() {
        // So that the server need not wait for another.
        drop(TcpStream::connect(&authority).await.unwrap());
    }
    (second, tokio::task::spawn_blocking(move || server.join().unwrap()).await.unwrap())
}

#[tokio::test]
async fn u14_a_request_that_came_after_its_server_had_closed_goes_out_again() {
    assert_eq!(too_late(Body::from("the end".to_owned())).await, (Ok(StatusCode::OK), 2));
    assert_eq!(too_late(streamed(&["a stream", " and its end"])).await, (Ok(StatusCode::OK), 2));
}

#[tokio::test]
async fn u14_a_request_that_was_read_is_not_sent_again() {
    let script = Script::once(ok("one")).then(Step::ReadRequest).then(Step::Finish);
    let fixture = Fixture::new([script, Script::always(ok("two"))]).await;
    assert_eq!(fixture.text(Body::Empty).await, "one");
    let error = fixture.error(Body::from("once".to_owned())).await;
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::All));
    assert_eq!(fixture.server.recorder().connections(), 1);
}
