//! gRPC calls frame by frame over a real socket, as no well-behaved client sends them; and what comes of a call whose time
//! is over, with a real Triton behind.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use crate::support::{Gateway, root};
use crate::tritonserver::Triton;

const READY: &str = "ModelReady";

/// `ModelReadyRequest { name: "iris" }`.
const IRIS: &[u8] = b"\x0a\x04iris";

fn gateway(limits: &str) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous]{limits} }} }}
backends: {{ local: {{ protocol: embedded }} }}
models: {{ iris: {{ backend: local, source: {} }} }}
"#,
        root().join("examples/quickstart/models/iris.onnx").display()
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    (gateway, folder)
}

fn frame(flag: u8, length: u32, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &length.to_be_bytes(), message].concat()
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    frame(flag, u32::try_from(message.len()).unwrap(), message)
}

fn gzip(message: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

fn deflate(message: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

/// Sends these bytes, ends the stream or not, and gives back the head's and the trailers' fields together.
fn call(gateway: &Gateway, rpc: &str, headers: &[(&str, &str)], body: &[u8], end: bool) -> HeaderMap {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = TcpStream::connect(gateway.data).await.unwrap();
        let (mut client, connection) = h2::client::handshake(socket).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::post(format!("http://gateway/inference.GRPCInferenceService/{rpc}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (answer, mut stream) = client.send_request(request.body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::copy_from_slice(body), end).unwrap();
        // The stream is held open until the answer is there.
        let (head, mut body) = answer.await.unwrap().into_parts();
        assert_eq!(head.status, 200);
        let mut fields = head.headers;
        while let Some(data) = body.data().await {
            let length = data.unwrap().len();
            body.flow_control().release_capacity(length).unwrap();
        }
        if let Some(trailers) = body.trailers().await.unwrap() {
            fields.extend(trailers);
        }
        drop(stream);
        fields
    })
}

fn status(fields: &HeaderMap) -> u8 {
    fields["grpc-status"].to_str().unwrap().parse().unwrap()
}

#[test]
fn compressed_messages_are_read_and_others_refused() {
    let (gateway, _folder) = gateway("");
    for (encoding, message) in [("gzip", gzip(IRIS)), ("deflate", deflate(IRIS))] {
        let fields = call(&gateway, READY, &[("grpc-encoding", encoding)], &framed(1, &message), true);
        assert_eq!(status(&fields), 0, "{encoding}: {fields:?}");
        // Named, but not used by this message.
        let fields = call(&gateway, READY, &[("grpc-encoding", encoding)], &framed(0, IRIS), true);
        assert_eq!(status(&fields), 0, "{encoding}: {fields:?}");
    }
    for (headers, body, code) in [
        (&[("grpc-encoding", "zstd")][..], framed(1, IRIS), 12),
        (&[], framed(1, IRIS), 13),
        (&[("grpc-encoding", "gzip")], framed(1, IRIS), 13),
        (&[("grpc-encoding", "gzip")], framed(1, &deflate(IRIS)), 13),
        (&[], framed(7, IRIS), 13),
        (&[], [framed(0, IRIS), framed(0, IRIS)].concat(), 13),
        (&[], frame(0, 100, IRIS), 13),
        (&[], Vec::new(), 13),
        (&[], framed(0, b"\xff\xff"), 3),
    ] {
        let fields = call(&gateway, READY, headers, &body, true);
        assert_eq!(status(&fields), code, "{headers:?} {fields:?}");
        let told = fields.get("grpc-accept-encoding").map(http::HeaderValue::as_bytes);
        assert_eq!(told, (code == 12).then_some(&b"identity,gzip,deflate"[..]), "{fields:?}");
    }
}

#[test]
fn sizes_are_held_against_the_limits_before_the_bytes_come() {
    let (gateway, _folder) = gateway("");
    // Announced and never sent, on a stream that stays open: the answer does not wait for it.
    for rpc in [READY, "ModelInfer", "ModelStreamInfer"] {
        let fields = call(&gateway, rpc, &[], &frame(0, u32::MAX, IRIS), false);
        assert_eq!(status(&fields), 8, "{rpc}: {fields:?}");
    }
    // What comes out of a compressed message has a bound of its own.
    let bomb = gzip(&vec![0; 32 << 20]);
    assert!(bomb.len() < 40_000);
    let fields = call(&gateway, READY, &[("grpc-encoding", "gzip")], &framed(1, &bomb), true);
    assert_eq!(status(&fields), 8, "{fields:?}");
    drop(gateway);
    let (gateway, _folder) = self::gateway(", limits: { body: 1KiB }");
    let fields = call(&gateway, READY, &[], &framed(0, &[0; 2000]), true);
    assert_eq!(status(&fields), 8, "{fields:?}");
    let fields = call(&gateway, "ModelStreamInfer", &[], &frame(0, 1025, IRIS), false);
    assert_eq!(status(&fields), 8, "{fields:?}");
}

#[test]
fn a_listener_that_takes_more_takes_larger_messages_too() {
    // Beside the name a field that nobody knows, of 70 MiB.
    let unknown = vec![0; 70 << 20];
    let message = [IRIS, b"\x7a\x80\x80\x80\x23", &unknown].concat();
    let (gateway, _folder) = gateway("");
    let fields = call(&gateway, READY, &[], &framed(0, &message), false);
    assert_eq!(status(&fields), 8, "{fields:?}");
    drop(gateway);
    let (gateway, _folder) = self::gateway(", limits: { body: 80MiB }");
    let fields = call(&gateway, READY, &[], &framed(0, &message), true);
    assert_eq!(status(&fields), 0, "{fields:?}");
}

#[test]
fn a_call_whose_time_is_over_is_told_so_by_the_gateway() {
    let triton = Triton::start("slow", &[]);
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"
version: 1
listeners: {{ local: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}
backends:
  grpc: {{ protocol: oip-grpc, endpoints: ["grpc://127.0.0.1:{}"] }}
  rest: {{ protocol: oip-rest, endpoints: ["http://127.0.0.1:{}"] }}
models:
  slow: {{ backend: grpc }}
  hurried: {{ backend: grpc, model: slow, timeout: 300ms }}
  over-rest: {{ backend: rest, model: slow }}
"#,
        triton.grpc, triton.http
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    // `seconds` is 20 in raw contents; the answer comes before that, by whoever's time is over first.
    let request = |model: &str| {
        let name = [&[0x0a, u8::try_from(model.len()).unwrap()][..], model.as_bytes()].concat();
        let input = b"\x0a\x07seconds\x12\x04FP32\x1a\x01\x01";
        let input = [&[0x2a, u8::try_from(input.len()).unwrap()][..], input].concat();
        framed(0, &[&name[..], &input, &[0x3a, 4], &20_f32.to_le_bytes()].concat())
    };
    for (model, headers) in
        [("slow", &[("grpc-timeout", "400m")][..]), ("over-rest", &[("grpc-timeout", "400m")]), ("hurried", &[])]
    {
        let fields = call(&gateway, "ModelInfer", headers, &request(model), true);
        assert_eq!(status(&fields), 4, "{model}: {fields:?}");
        let record = gateway.wait_for_record(|record| record["model"] == model);
        assert_eq!(record["outcome"], "deadline_exceeded", "{record}");
    }
    let fields = call(&gateway, "ModelInfer", &[("grpc-timeout", "5 seconds")], &request("slow"), true);
    assert_eq!(status(&fields), 3, "{fields:?}");
}
