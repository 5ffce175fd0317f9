//! The HTTP client over HTTP/2: shared connections, streams that end early on either side, and how exactly it says what
//! had been sent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use h2::Reason;
use h2::server::Builder;
use http::{HeaderMap, HeaderValue, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sluicegate_adapters::http::{Answer, Client, Connector, Fault, HttpError, Io, Origin, Patience, Speaks};
use sluicegate_core::{Body, BodyError, BoxFuture, Clock, Deadline, Response as Answered, Sent};
use sluicegate_testkit::{Event, FakeClock, MemoryDialer, MemoryNet, PATIENCE, wait_for, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::h2peer::{GOAWAY, H2Peer, HEADERS, answer, begin, frame, greet, read, read_frame};
use crate::support::{InMemory, SHORT, breaking, endpoint, posted, unending};

/// A client of one endpoint.
struct Fixture {
    client: Client,
    origin: Arc<Origin>,
    clock: Arc<FakeClock>,
}

impl Fixture {
    fn new(dialer: &MemoryDialer) -> Self {
        Self::over(Arc::new(InMemory(dialer.clone())))
    }

    fn over(connector: Arc<dyn Connector>) -> Self {
        let clock = Arc::new(FakeClock::following_tokio());
        let shared: Arc<dyn Clock> = Arc::<FakeClock>::clone(&clock);
        let client = Client::new(connector, shared);
        let origin = client.origin_speaking(&endpoint("memory:1"), Speaks::Http2).unwrap();
        Self { client, origin, clock }
    }

    async fn send(&self, body: Body) -> Result<Answered<Answer>, HttpError> {
        within("an answer", self.send_within(body, PATIENCE * 2)).await
    }

    async fn send_within(&self, body: Body, time: Duration) -> Result<Answered<Answer>, HttpError> {
        let mut request = posted("/run", body);
        request.headers.append("te", HeaderValue::from_static("trailers"));
        let patience = Patience { connect: PATIENCE, deadline: Deadline(self.clock.now() + time) };
        self.client.send(&self.origin, request, patience).await
    }

    async fn text(&self, body: Body) -> String {
        text(self.send(body).await.unwrap()).await
    }

    async fn error(&self, body: Body) -> HttpError {
        self.send(body).await.map(|answer| answer.status).unwrap_err()
    }
}

async fn text(response: Answered<Answer>) -> String {
    let bytes = within("the body", response.body.collect(1 << 20)).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn question() -> Body {
    Body::from("question".to_owned())
}

#[tokio::test]
async fn many_requests_at_once_share_one_connection() {
    let all = Arc::new(tokio::sync::Barrier::new(60));
    let peer = H2Peer::start(move |(mut request, mut respond)| {
        let all = Arc::clone(&all);
        async move {
            assert_eq!(read(request.body_mut()).await, b"question");
            // Nobody is answered before all have asked.
            all.wait().await;
            answer(&mut respond, "hello");
        }
    });
    let fixture = Fixture::new(&peer.dialer);
    let texts = stream::iter(0..60).map(|_| fixture.text(question())).buffer_unordered(60).collect::<Vec<_>>().await;
    assert!(texts.iter().all(|text| text == "hello"));
    assert_eq!(peer.connections(), 1);
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 1));
}

#[tokio::test]
async fn the_head_is_what_http2_wants() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let peer = H2Peer::start(move |(request, mut respond)| {
        tell.send(request.map(|_| ())).unwrap();
        async move { answer(&mut respond, "") }
    });
    let fixture = Fixture::new(&peer.dialer);
    let mut request = posted("/a/b?c=d", question());
    for (name, value) in [
        ("connection", "keep-alive, x-hop"),
        ("x-hop", "1"),
        ("host", "elsewhere"),
        ("content-length", "999"),
        ("transfer-encoding", "chunked"),
        ("te", "trailers"),
        ("x-kept", "1"),
    ] {
        request.headers.insert(name, HeaderValue::from_static(value));
    }
    let patience = Patience { connect: PATIENCE, deadline: Deadline(fixture.clock.now() + PATIENCE) };
    text(within("an answer", fixture.client.send(&fixture.origin, request, patience)).await.unwrap()).await;
    let got = told.recv().await.unwrap();
    assert_eq!(got.uri(), "http://memory:1/a/b?c=d");
    let mut names: Vec<&str> = got.headers().keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["te", "x-kept"]);
}

/// A server that holds every answer until `release`, and tells each request.
fn holding(builder: &Builder, release: &Event) -> (H2Peer, mpsc::UnboundedReceiver<()>) {
    let (tell, told) = mpsc::unbounded_channel();
    let release = release.clone();
    let peer = H2Peer::with(builder, move |(_request, mut respond)| {
        tell.send(()).unwrap();
        let release = release.clone();
        async move {
            release.wait().await;
            answer(&mut respond, "late");
        }
    });
    (peer, told)
}

#[tokio::test]
async fn another_connection_is_made_only_where_the_peer_takes_no_more_streams() {
    let release = Event::new();
    let (peer, mut told) = holding(Builder::new().max_concurrent_streams(2), &release);
    let fixture = Fixture::new(&peer.dialer);
    let asking = stream::iter(0..5).map(|_| fixture.text(question())).buffer_unordered(5).collect::<Vec<_>>();
    let watching = async {
        for _ in 0..5 {
            within("a request", told.recv()).await.unwrap();
        }
        let connections = peer.connections();
        release.release();
        connections
    };
    let (texts, connections) = tokio::join!(asking, watching);
    assert!(texts.iter().all(|text| text == "late"));
    // The first may be tried with more before its limit is known; what it refused went to the others.
    assert!((3..=4).contains(&connections), "{connections}");
}

#[tokio::test]
async fn where_all_connections_are_full_requests_wait_for_room() {
    let release = Event::new();
    let (peer, mut told) = holding(Builder::new().max_concurrent_streams(1), &release);
    let fixture = Fixture::new(&peer.dialer);
    // One by one, so that every connection's limit is known before the next request.
    let mut held = Vec::new();
    let fixture = Arc::new(fixture);
    for _ in 0..8 {
        let sharing = Arc::clone(&fixture);
        held.push(tokio::spawn(async move { sharing.text(question()).await }));
        within("a request", told.recv()).await.unwrap();
        settled().await;
    }
    assert_eq!(peer.connections(), 8);
    let error = fixture.send_within(question(), SHORT).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::TimedOut, Sent::Nothing));
    let sharing = Arc::clone(&fixture);
    held.push(tokio::spawn(async move { sharing.text(question()).await }));
    release.release();
    for one in held {
        assert_eq!(within("an answer", one).await.unwrap(), "late");
    }
    assert_eq!((peer.connections(), fixture.origin.in_use()), (8, 0));
}

/// Lets every task do what it can.
async fn settled() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn both_directions_flow_at_once() {
    let peer = H2Peer::start(|(mut request, mut respond)| async move {
        let mut stream = begin(&mut respond);
        while let Some(Ok(data)) = request.body_mut().data().await {
            request.body_mut().flow_control().release_capacity(data.len()).unwrap();
            stream.send_data(data, false).unwrap();
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        stream.send_trailers(trailers).unwrap();
    });
    let fixture = Fixture::new(&peer.dialer);
    let (speak, spoken) = mpsc::unbounded_channel::<&'static str>();
    let frames = stream::unfold(spoken, |mut spoken| async move {
        let piece = spoken.recv().await?;
        Some((Ok(Frame::data(Bytes::from_static(piece.as_bytes()))), spoken))
    });
    let response = fixture.send(Body::stream(StreamBody::new(frames))).await.unwrap();
    let mut body = response.body.into_body();
    for piece in ["one", "two", "three"] {
        speak.send(piece).unwrap();
        let echo = within("an echo", body.frame()).await.unwrap().unwrap();
        assert_eq!(echo.into_data().unwrap(), piece);
    }
    drop(speak);
    let last = within("the trailers", body.frame()).await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap().get("grpc-status").unwrap(), "0");
    assert!(body.frame().await.is_none());
    assert_eq!(fixture.origin.in_use(), 0);
}

/// Tells the reason of each stream's reset; answers a head first if `begun`.
fn watching_resets(begun: bool) -> (H2Peer, mpsc::UnboundedReceiver<()>, mpsc::UnboundedReceiver<Reason>) {
    let (tell, told) = mpsc::unbounded_channel();
    let (report, reports) = mpsc::unbounded_channel();
    let peer = H2Peer::start(move |(_request, mut respond)| {
        let (tell, report) = (tell.clone(), report.clone());
        async move {
            tell.send(()).unwrap();
            let reason = if begun {
                let mut stream = begin(&mut respond);
                stream.send_data(Bytes::from_static(b"some"), false).unwrap();
                std::future::poll_fn(|context| stream.poll_reset(context)).await
            } else {
                std::future::poll_fn(|context| respond.poll_reset(context)).await
            };
            report.send(reason.unwrap()).unwrap();
        }
    });
    (peer, told, reports)
}

#[tokio::test]
async fn a_dropped_request_resets_its_stream_and_keeps_the_connection() {
    let (peer, mut told, mut reports) = watching_resets(false);
    let fixture = Fixture::new(&peer.dialer);
    for body in [question(), unending(&["some"])] {
        tokio::select! {
            biased;
            answer = fixture.send(body) => panic!("{answer:?}"),
            _ = told.recv() => {}
        }
        assert_eq!(within("a reset", reports.recv()).await, Some(Reason::CANCEL));
        assert_eq!(fixture.origin.in_use(), 0);
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn a_dropped_answer_resets_its_stream_also_while_the_request_goes_on() {
    let (peer, _told, mut reports) = watching_resets(true);
    let fixture = Fixture::new(&peer.dialer);
    for body in [question(), unending(&["some"])] {
        let response = fixture.send(body).await.unwrap();
        assert_eq!(fixture.origin.in_use(), 1);
        drop(response);
        assert_eq!(within("a reset", reports.recv()).await, Some(Reason::CANCEL));
        assert_eq!(fixture.origin.in_use(), 0);
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn a_request_that_breaks_off_resets_its_stream() {
    for begun in [false, true] {
        let (peer, mut told, mut reports) = watching_resets(begun);
        let fixture = Fixture::new(&peer.dialer);
        let came = Event::new();
        let reason = BodyError::TooLarge { limit: 4 };
        let arrived = async {
            told.recv().await.unwrap();
            if !begun {
                came.release();
            }
        };
        let (result, ()) = tokio::join!(fixture.send(breaking("some", &came, reason.clone())), arrived);
        if begun {
            let mut body = result.unwrap().body.into_body();
            assert!(within("data", body.frame()).await.unwrap().is_ok());
            came.release();
            let error = within("the end", body.frame()).await.unwrap().unwrap_err();
            assert!(matches!(&error, BodyError::Broken(why) if why.contains("larger than 4")), "{error}");
        } else {
            let error = result.unwrap_err();
            assert_eq!((error.fault, error.sent), (Fault::Request(reason), Sent::Partial));
        }
        assert_eq!(within("a reset", reports.recv()).await, Some(Reason::CANCEL));
    }
}

/// A body without end, and how many bytes of it were taken.
fn endless() -> (Body, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&taken);
    let piece = Bytes::from(vec![7; 64 << 10]);
    let frames = stream::repeat_with(move || {
        count.fetch_add(piece.len() as u64, Ordering::SeqCst);
        Ok(Frame::data(piece.clone()))
    });
    (Body::stream(StreamBody::new(frames)), taken)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nothing_holds_the_request_back() {
    // Its windows are never given back: at most the first of 64 KiB leaves.
    let peer = H2Peer::start(|(request, respond)| async move {
        std::future::pending::<()>().await;
        drop((request, respond));
    });
    let fixture = Fixture::new(&peer.dialer);
    let (body, taken) = endless();
    let error = fixture.send_within(body, SHORT).await.unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::TimedOut, Sent::Partial));
    assert!(taken.load(Ordering::SeqCst) <= 256 << 10, "{taken:?}");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_holds_the_answer_back() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let peer = H2Peer::start(move |(_request, mut respond)| {
        let count = Arc::clone(&count);
        async move {
            let mut stream = begin(&mut respond);
            loop {
                stream.reserve_capacity(1 << 16);
                match std::future::poll_fn(|context| stream.poll_capacity(context)).await {
                    Some(Ok(room)) => {
                        let room = room.min(stream.capacity());
                        if stream.send_data(vec![1; room].into(), false).is_err() {
                            return;
                        }
                        count.fetch_add(room, Ordering::SeqCst);
                    }
                    _ => return,
                }
            }
        }
    });
    let fixture = Fixture::new(&peer.dialer);
    let response = fixture.send(question()).await.unwrap();
    wait_for(|| sent.load(Ordering::SeqCst) >= 1 << 20, "the stream's window to fill").await;
    settled().await;
    assert_eq!(sent.load(Ordering::SeqCst), 1 << 20);
    let mut body = response.body.into_body();
    let mut read = 0;
    while read < 8 << 20 {
        read += within("data", body.frame()).await.unwrap().unwrap().into_data().unwrap().len();
        // Never more on its way than the window.
        assert!(sent.load(Ordering::SeqCst) <= read + (1 << 20));
    }
}

#[tokio::test]
async fn a_refused_stream_was_not_seen_and_is_tried_once_more_where_that_is_possible() {
    let refusals = Arc::new(AtomicUsize::new(1));
    let left = Arc::clone(&refusals);
    let peer = H2Peer::start(move |(_request, mut respond)| {
        let refused = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        async move {
            if refused {
                respond.send_reset(Reason::REFUSED_STREAM);
            } else {
                answer(&mut respond, "hello");
            }
        }
    });
    let fixture = Fixture::new(&peer.dialer);
    assert_eq!(fixture.text(question()).await, "hello");
    // Of a body that streams nothing is at hand any more.
    refusals.store(1, Ordering::SeqCst);
    let error = fixture.error(unending(&["some"])).await;
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::Nothing));
    // Not for ever.
    refusals.store(2, Ordering::SeqCst);
    let error = fixture.error(question()).await;
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::Nothing));
    assert_eq!(refusals.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn another_reset_may_have_been_seen() {
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::ENHANCE_YOUR_CALM, Reason::NO_ERROR] {
        let peer = H2Peer::start(move |(mut request, mut respond)| async move {
            read(request.body_mut()).await;
            respond.send_reset(reason);
        });
        let error = Fixture::new(&peer.dialer).error(question()).await;
        assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::All), "{reason}");
        assert_eq!(peer.connections(), 1);
    }
}

#[tokio::test]
async fn what_a_leaving_server_did_not_take_up_goes_to_a_fresh_connection() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let serving = tokio::spawn(async move {
        let (mut io, _) = listener.accept().await.unwrap();
        greet(&mut io).await;
        read_frame(&mut io, HEADERS).await;
        // Last stream 0: none was taken up.
        io.write_all(&frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0])).await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(other).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            answer(&mut respond, "hello");
        }
    });
    let fixture = Fixture::new(&dialer);
    assert_eq!(fixture.text(question()).await, "hello");
    assert_eq!(fixture.text(question()).await, "hello");
    drop(fixture);
    within("the connection to end with its client", serving).await.unwrap();
}

#[tokio::test]
async fn what_a_leaving_server_took_up_is_answered_and_nothing_new_is_asked_of_it() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let (release, gone) = (Event::new(), Event::new());
    let (held, leaving) = (release.clone(), gone.clone());
    tokio::spawn(async move {
        let (io, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(io).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        let mut stream = begin(&mut respond);
        connection.graceful_shutdown();
        tokio::spawn(async move {
            held.wait().await;
            stream.send_data(Bytes::from_static(b"old"), true).unwrap();
        });
        tokio::spawn(async move { while let Some(Ok(_)) = connection.accept().await {} });
        let (other, _) = listener.accept().await.unwrap();
        leaving.release();
        let mut connection = h2::server::handshake(other).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            answer(&mut respond, "new");
        }
    });
    let fixture = Fixture::new(&dialer);
    let first = fixture.send(question()).await.unwrap();
    settled().await;
    assert_eq!(fixture.text(question()).await, "new");
    within("another connection", gone.wait()).await;
    release.release();
    assert_eq!(text(first).await, "old");
}

#[tokio::test]
async fn a_connection_that_ends_takes_its_requests_with_it() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let serving = async {
        let (mut io, _) = listener.accept().await.unwrap();
        greet(&mut io).await;
        read_frame(&mut io, 0).await;
    };
    let fixture = Fixture::new(&dialer);
    let (error, ()) = tokio::join!(fixture.error(question()), serving);
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::All));
    assert_eq!((fixture.origin.in_use(), fixture.origin.idle()), (0, 0));
}

#[tokio::test]
async fn what_is_not_http2_is_no_answer() {
    for garbage in [&b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..], b"SSH-2.0-x\r\n\r\n", &[0xff; 64]] {
        let (mut listener, dialer) = MemoryNet::anywhere();
        let serving = async {
            let (mut io, _) = listener.accept().await.unwrap();
            io.write_all(garbage).await.unwrap();
            let _ = io.read_to_end(&mut Vec::new()).await;
        };
        let fixture = Fixture::new(&dialer);
        let (error, ()) = tokio::join!(fixture.error(question()), serving);
        assert_eq!(error.fault, Fault::Nonsense, "{error}");
        assert!(error.cause.contains("HTTP/2"), "{error}");
    }
}

#[tokio::test]
async fn heads_are_bounded() {
    for (count, length) in [(101, 1), (1, 40 << 10), (60, 600)] {
        let peer = H2Peer::start(move |(mut request, mut respond)| async move {
            read(request.body_mut()).await;
            let mut response = Response::new(());
            for number in 0..count {
                let name: http::HeaderName = format!("x-{number}").parse().unwrap();
                response.headers_mut().insert(name, "y".repeat(length).parse().unwrap());
            }
            respond.send_response(response, true).unwrap();
        });
        let error = Fixture::new(&peer.dialer).error(question()).await;
        assert_eq!((error.fault, error.sent), (Fault::Nonsense, Sent::All), "{count} of {length}: {}", error.cause);
    }
}

#[tokio::test]
async fn interim_answers_are_ignored_up_to_a_bound() {
    for (count, expected) in [(3, Ok("hello")), (100, Err(Fault::Nonsense))] {
        let peer = H2Peer::start(move |(mut request, mut respond)| async move {
            read(request.body_mut()).await;
            for _ in 0..count {
                let hint = Response::builder().status(103).header("link", "</x>").body(()).unwrap();
                if respond.send_informational(hint).is_err() {
                    return;
                }
            }
            answer(&mut respond, "hello");
        });
        let fixture = Fixture::new(&peer.dialer);
        match (fixture.send(question()).await, expected) {
            (Ok(response), Ok(expected)) => assert_eq!(text(response).await, expected),
            (Err(error), Err(expected)) => assert_eq!(error.fault, expected),
            (other, _) => panic!("{count}: {:?}", other.map(|answer| answer.status)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stays_silent_past_a_deadline_is_not_used_again() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let fixture = Fixture::new(&dialer);
    let serving = async {
        let (silent, _) = listener.accept().await.unwrap();
        let (other, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(other).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        answer(&mut respond, "hello");
        assert!(connection.accept().await.is_none());
        drop(silent);
    };
    let asking = async {
        let error = fixture.send_within(question(), SHORT).await.unwrap_err();
        assert_eq!((error.fault, error.sent), (Fault::TimedOut, Sent::All));
        assert_eq!(fixture.text(question()).await, "hello");
        drop(fixture);
    };
    tokio::join!(serving, asking);
}

#[tokio::test(start_paused = true)]
async fn nor_is_one_that_was_silent_when_a_request_was_given_up_after_long() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let fixture = Fixture::new(&dialer);
    let serving = async {
        let (mut silent, _) = listener.accept().await.unwrap();
        greet(&mut silent).await;
        let (other, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(other).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        answer(&mut respond, "hello");
        assert!(connection.accept().await.is_none());
        drop(silent);
    };
    let asking = async {
        // The first waits so that the peer's greeting has been read. Who leaves soon says nothing of the connection.
        for (patience, connections) in [(300, 1), (20, 1), (300, 0)] {
            let time = Duration::from_millis(patience);
            assert!(tokio::time::timeout(time, fixture.send(question())).await.is_err());
            assert_eq!(fixture.origin.idle(), connections, "after {patience} ms");
        }
        assert_eq!(fixture.text(question()).await, "hello");
        drop(fixture);
    };
    tokio::join!(serving, asking);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stalls_times_out_and_resets_its_stream() {
    let (peer, _told, mut reports) = watching_resets(true);
    let fixture = Fixture::new(&peer.dialer);
    let mut body = fixture.send_within(question(), SHORT).await.unwrap().body.into_body();
    assert!(body.frame().await.unwrap().is_ok());
    assert_eq!(body.frame().await.unwrap().unwrap_err(), BodyError::TimedOut);
    assert!(body.frame().await.is_none());
    drop(body);
    assert_eq!(reports.recv().await, Some(Reason::CANCEL));
}

#[tokio::test(start_paused = true)]
async fn a_dead_peer_is_found_out_before_a_long_deadline() {
    let (mut listener, dialer) = MemoryNet::anywhere();
    let fixture = Fixture::new(&dialer);
    let hour = Duration::from_secs(3600);
    let serving = async {
        let (mut io, _) = listener.accept().await.unwrap();
        greet(&mut io).await;
        // Takes all, says nothing more: pings are not answered.
        let _ = io.read_to_end(&mut Vec::new()).await;
    };
    let (answer, ()) = tokio::join!(fixture.send_within(question(), hour), serving);
    let error = answer.map(|answer| answer.status).unwrap_err();
    assert_eq!((error.fault, error.sent), (Fault::Broken, Sent::All));
}

#[tokio::test(start_paused = true)]
async fn a_slow_model_is_not_pinged_to_death() {
    // An honest peer that answers pings: the connection lives as long as the answer takes.
    let peer = H2Peer::start(|(_request, mut respond)| async move {
        tokio::time::sleep(Duration::from_secs(3000)).await;
        answer(&mut respond, "late");
    });
    let fixture = Fixture::new(&peer.dialer);
    let response = fixture.send_within(question(), Duration::from_secs(3600)).await.unwrap();
    assert_eq!(text(response).await, "late");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_a_while() {
    let peer = H2Peer::start(|(_request, mut respond)| async move { answer(&mut respond, "hello") });
    let fixture = Fixture::new(&peer.dialer);
    fixture.text(question()).await;
    assert_eq!(fixture.origin.idle(), 1);
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(fixture.origin.idle(), 1);
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(fixture.origin.idle(), 0);
    assert_eq!(fixture.text(question()).await, "hello");
    assert_eq!(peer.connections(), 2);
}

/// Counts connects and fails or hangs.
struct Stubborn {
    hang: bool,
    connects: AtomicUsize,
}

impl Connector for Stubborn {
    fn connect<'a>(&'a self, _authority: &'a str) -> BoxFuture<'a, io::Result<Box<dyn Io>>> {
        self.connects.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            if self.hang {
                std::future::pending::<()>().await;
            }
            tokio::task::yield_now().await;
            Err(io::ErrorKind::ConnectionRefused.into())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_wait_for_the_same_connection_share_its_failure() {
    for hang in [false, true] {
        let connector = Arc::new(Stubborn { hang, connects: AtomicUsize::new(0) });
        let fixture = Fixture::over(Arc::<Stubborn>::clone(&connector));
        let sending = stream::iter(0..20).map(|_| fixture.send_within(question(), PATIENCE * 2)).buffer_unordered(20);
        for error in sending.map(Result::unwrap_err).collect::<Vec<_>>().await {
            assert_eq!((error.fault, error.sent), (Fault::Connect, Sent::Nothing));
        }
        assert_eq!(connector.connects.load(Ordering::SeqCst), 1);
    }
}
