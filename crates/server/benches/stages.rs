//! What the strict head costs, and beside it what a library's parser does for the same bytes.
//!
//! ```text
//! cargo bench -p sluicegate-server --bench stages
//! ```
//!
//! The room shows none of this to others: the files are compiled in here once more.

#![allow(
    dead_code,
    missing_docs,
    unused_imports,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a measurement of messages it made itself, by parts of files made for more"
)]

use std::alloc::System;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use sluicegate_core::{Body, Outbound, RequestHead};
use sluicegate_testkit::Stages;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

// The files name each other by these paths.
use room::{date, head, http1, joined, limits, path};

#[path = "../src"]
mod room {
    pub(crate) mod date;
    pub(crate) mod head;
    pub(crate) mod joined;
    pub(crate) mod limits;
    pub(crate) mod path;

    pub(crate) mod http1 {
        mod outgoing;
        pub(crate) mod parse;
        mod scratch;
        mod state;
        mod wire;

        use http::{Method, Version};
        use sluicegate_core::Outbound;
        use sluicegate_core::http1::Gather;

        use self::outgoing::{Answering, Asked};

        /// Room for answers.
        #[derive(Default)]
        pub(crate) struct Room(Gather);

        impl Room {
            /// Writes an answer's head as that of a connection that stays.
            pub(crate) fn write(&mut self, outbound: Outbound) -> impl Sized + use<> {
                let asked = Asked { version: Version::HTTP_11, method: Method::POST, keep: true };
                self.0.shrink();
                Answering::begin(outbound, &asked, tokio::time::Instant::now(), &mut self.0).0
            }
        }
    }
}

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// As Python's `requests` sends it.
const HEAD: &[u8] = b"POST /v2/models/iris/infer HTTP/1.1\r\nHost: models.example.org\r\n\
    User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n\
    Content-Type: application/json\r\nContent-Length: 91\r\n\r\n";

fn main() {
    let mut stages = Stages::of("server", || {
        let made = ALLOCATOR.stats();
        made.allocations + made.reallocations
    });
    let limits = limits::Limits::default();
    let input = || BytesMut::from(HEAD);
    let shared = Bytes::from_static(HEAD);
    stages.stage("strict head: parse, check", 2, input, |mut input| {
        let mut head = http1::parse::Search::default().found(&mut input, &limits).unwrap().unwrap();
        head::check(&mut head.parts, &limits).unwrap();
        head
    });
    let parse = |mut input: BytesMut| http1::parse::Search::default().found(&mut input, &limits).unwrap().unwrap();
    stages.stage("strict head: parse", 2, input, parse);
    stages.stage(
        "strict head: check",
        0,
        || parse(input()).parts,
        |mut parts: RequestHead| {
            head::check(&mut parts, &limits).unwrap();
            parts
        },
    );
    stages.stage(
        "the same head by httparse, tokens alone",
        0,
        || shared.clone(),
        |head| {
            let mut fields = [httparse::EMPTY_HEADER; 64];
            httparse::Request::new(&mut fields).parse(&head).unwrap().is_complete()
        },
    );
    stages.stage("the same head by httparse, into http's types", 3, input, |input| by_httparse(&input.freeze()));
    stages.stage("canonical path: nothing to do", 0, || "/v2/models/iris/infer", |path| path::canonical(path).unwrap());
    stages.stage(
        "canonical path: percent-encoded",
        2,
        || "/v2/models/iri%73%20x/infer?a=b",
        |path| path::canonical(path).unwrap().len(),
    );
    let mut room = http1::Room::default();
    // The room it takes: a connection that waits holds none.
    stages.stage("answer's head, written", 1, outbound, |outbound| room.write(outbound));
    stages.finish();
}

/// What hyper does with a head, without its rules on framing.
fn by_httparse(head: &Bytes) -> Request<()> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut fields);
    assert!(parsed.parse(head).unwrap().is_complete());
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(parsed.method.unwrap().as_bytes()).unwrap();
    *request.uri_mut() = Uri::from_maybe_shared(head.slice_ref(parsed.path.unwrap().as_bytes())).unwrap();
    *request.version_mut() = if parsed.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in parsed.headers {
        let name = HeaderName::from_bytes(field.name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_maybe_shared(head.slice_ref(field.value)).unwrap());
    }
    *request.headers_mut() = headers;
    request
}

/// An answer as the gateway makes it.
fn outbound() -> Outbound {
    let mut response = Outbound::new(Body::Full(Bytes::from_static(b"{\"outputs\":[]}")));
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-request-id", "0123456789abcdef0123456789abcdef"),
        ("sluicegate-model", "iris"),
        ("sluicegate-version", "1"),
        ("content-length", "14"),
    ] {
        response.headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
