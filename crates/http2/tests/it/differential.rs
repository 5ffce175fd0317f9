//! Against the `h2` library on the other side: each reads what the other writes, whatever it is and however it is cut.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use parking_lot::Mutex;
use sluicegate_core::Fields;
use sluicegate_http2::{Incoming, Role, ask};

use crate::support::{Chance, connection, drive, read, send};

/// Bytes that are on their way at once.
const CUTS: [usize; 5] = [7, 9, 100, 5000, 100_000];

async fn read_theirs(body: &mut h2::RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(data) = body.data().await {
        let data = data.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    all
}

async fn send_theirs(stream: &mut h2::SendStream<Bytes>, data: Vec<u8>, last: bool) {
    let mut data = Bytes::from(data);
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let room = match stream.capacity() {
            0 => poll_fn(|context| stream.poll_capacity(context)).await.unwrap().unwrap(),
            room => room,
        };
        let part = data.split_to(room.min(data.len()));
        stream.send_data(part, last && data.is_empty()).unwrap();
        if data.is_empty() {
            return;
        }
    }
    stream.send_data(data, last).unwrap();
}

/// Sends all that came back, with its fields behind it as well.
async fn echo(incoming: Incoming) {
    let Incoming { request, whole, mut body, mut reply } = incoming;
    assert!(whole);
    assert!(reply.answer(http::StatusCode::OK, &request.headers, false));
    let data = read(&mut body).await;
    send(&mut reply, data, false).await;
    assert!(reply.trail(&request.headers));
}

#[tokio::test]
async fn a_server_of_ours_and_a_client_of_theirs() {
    for (nth, cut) in CUTS.into_iter().enumerate() {
        let (near, far) = tokio::io::duplex(cut);
        tokio::spawn(drive((Role::Server, connection(Role::Server)), far, |incoming| _ = tokio::spawn(echo(incoming))));
        let (sender, theirs) = h2::client::handshake(near).await.unwrap();
        let driving = tokio::spawn(theirs);
        let mut chance = Chance(0x1234_5678 + nth as u64);
        let mut asking = Vec::new();
        for turn in 0..30 {
            let (fields, body) = (chance.fields(), chance.body());
            let body = if cut < 100 { body.into_iter().take(2000).collect() } else { body };
            let mut request = Request::post(format!("http://a/{turn}?b=c")).body(()).unwrap();
            *request.headers_mut() = fields.clone();
            let mut sender = sender.clone().ready().await.unwrap();
            asking.push(tokio::spawn(async move {
                let (response, mut stream) = sender.send_request(request, false).unwrap();
                send_theirs(&mut stream, body.clone(), true).await;
                let response = response.await.unwrap();
                assert_eq!(*response.headers(), fields);
                let mut came = response.into_body();
                assert!(read_theirs(&mut came).await == body);
                assert_eq!(came.trailers().await.unwrap().unwrap_or_default(), fields);
            }));
        }
        for one in asking {
            one.await.unwrap();
        }
        drop(sender);
        driving.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_client_of_ours_and_a_server_of_theirs() {
    for (nth, cut) in CUTS.into_iter().enumerate() {
        let (near, far) = tokio::io::duplex(cut);
        tokio::spawn(async move {
            let mut theirs = h2::server::Builder::new().initial_window_size(30_000).handshake(far).await.unwrap();
            while let Some(asked) = theirs.accept().await {
                let (request, mut respond) = asked.unwrap();
                tokio::spawn(async move {
                    let (head, mut body) = request.into_parts();
                    let mut response = Response::new(());
                    *response.headers_mut() = head.headers.clone();
                    let mut stream = respond.send_response(response, false).unwrap();
                    let data = read_theirs(&mut body).await;
                    send_theirs(&mut stream, data, false).await;
                    stream.send_trailers(head.headers).unwrap();
                });
            }
        });
        let shared = connection(Role::Client);
        tokio::spawn(drive((Role::Client, Arc::clone(&shared)), near, |_| panic!("nobody asks a client")));
        let chance = Arc::new(Mutex::new(Chance(0x8765_4321 + nth as u64)));
        let asking = (0..30).map(|turn| {
            let (shared, chance) = (Arc::clone(&shared), Arc::clone(&chance));
            tokio::spawn(async move {
                let fields = chance.lock().fields();
                let body = chance.lock().body();
                let body: Vec<u8> = if cut < 100 { body.into_iter().take(2000).collect() } else { body };
                let target = format!("http://a/{turn}?b=c").parse().unwrap();
                let mut data = Bytes::from(body.clone());
                let (out, mut back) =
                    ask(&shared, (&http::Method::POST, &target), &Fields::from(&fields), &mut data, true).unwrap();
                if let Some(mut out) = out {
                    send(&mut out, data, true).await;
                }
                let response = poll_fn(|context| back.poll_head(context)).await.unwrap();
                assert_eq!(http::HeaderMap::from(&response.headers), fields);
                assert!(read(&mut back).await == body);
                assert_eq!(http::HeaderMap::from(&back.trailers().unwrap_or_default()), fields);
            })
        });
        for one in asking.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        assert_eq!(shared.lock().open(), 0);
    }
}
