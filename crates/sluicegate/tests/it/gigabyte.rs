//! Bodies far larger than what the gateway may hold pass through it, in both directions.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{JoinHandle, spawn};

use crate::support::{Gateway, PATIENCE};

const GIGABYTE: usize = 1 << 30;

/// What the process may grow by while a gigabyte passes, in KiB.
const GROWTH: u64 = 64 << 10;

/// Bytes written at a time; they say where they stand, so that none is lost or put elsewhere unseen.
const PIECE: usize = 1 << 20;

fn piece(index: usize) -> Vec<u8> {
    index.to_le_bytes().repeat(PIECE / 8)
}

/// Writes a gigabyte, made on the way.
fn pour(into: &mut impl std::io::Write) {
    for index in 0..GIGABYTE / PIECE {
        into.write_all(&piece(index)).unwrap();
    }
}

/// Reads a gigabyte and holds each piece against what it must be.
fn drain(from: &mut impl std::io::Read) {
    let mut got = vec![0; PIECE];
    for index in 0..GIGABYTE / PIECE {
        from.read_exact(&mut got).unwrap();
        assert!(got == piece(index), "piece {index} is another");
    }
}

/// Reads a head up to its empty line; gives its lines.
fn head(from: &mut impl std::io::BufRead) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert_ne!(from.read_line(&mut line).unwrap(), 0, "the connection ended within a head");
        match line.trim_end() {
            "" => return lines,
            line => lines.push(line.to_ascii_lowercase()),
        }
    }
}

const JSON: &str =
    r#"{"inputs":[{"name":"x","shape":[1073741824],"datatype":"UINT8","parameters":{"binary_data_size":1073741824}}]}"#;
const ANSWER: &str = r#"{"model_name":"big","model_version":"1","outputs":[{"name":"x","shape":[1073741824],"datatype":"UINT8","parameters":{"binary_data_size":1073741824}}]}"#;

/// A server that takes one request of a gigabyte and answers with one, holding neither.
fn server() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = spawn(move || {
        // Questions about the model, which come first, are not answered.
        let (mut stream, lines) = loop {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::with_capacity(PIECE, stream);
            let lines = head(&mut stream);
            if lines[0].starts_with("post ") {
                break (stream, lines);
            }
            let _ =
                stream.get_mut().write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        };
        assert!(lines[0].starts_with("post /v2/models/big/infer "), "{}", lines[0]);
        let mut json = vec![0; JSON.len()];
        stream.read_exact(&mut json).unwrap();
        assert_eq!(json, JSON.as_bytes(), "the client's own bytes");
        drain(&mut stream);
        let stream = stream.get_mut();
        let length = ANSWER.len() + GIGABYTE;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ninference-header-content-length: {}\r\n\
             content-length: {length}\r\n\r\n{ANSWER}",
            ANSWER.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        pour(stream);
    });
    (port, serving)
}

#[test]
fn a_gigabyte_passes_in_both_directions_in_bounded_memory() {
    let (port, serving) = server();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "version: 1
listeners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous], limits: {{ body: 2GiB, body_timeout: 10m }} }} }}
backends: {{ b: {{ protocol: oip-rest, binary: always, endpoints: [\"http://127.0.0.1:{port}\"] }} }}
models: {{ big: {{ backend: b, timeout: 10m }} }}
"
    );
    let (gateway, _) = Gateway::of(folder.path(), &text);
    let idle = gateway.peak_memory();
    let stream = TcpStream::connect(gateway.data).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let sending = spawn(move || {
        let head = format!(
            "POST /v2/models/big/infer HTTP/1.1\r\nhost: a\r\ninference-header-content-length: {}\r\n\
             content-length: {}\r\n\r\n{JSON}",
            JSON.len(),
            JSON.len() + GIGABYTE
        );
        sender.write_all(head.as_bytes()).unwrap();
        pour(&mut sender);
    });
    let mut reader = BufReader::with_capacity(PIECE, stream);
    let lines = head(&mut reader);
    assert!(lines[0].starts_with("http/1.1 200"), "{lines:?}");
    let mut json = vec![0; ANSWER.len()];
    reader.read_exact(&mut json).unwrap();
    assert_eq!(json, ANSWER.as_bytes());
    drain(&mut reader);
    sending.join().unwrap();
    serving.join().unwrap();
    let grown = gateway.peak_memory() - idle;
    assert!(grown < GROWTH, "the gateway grew by {grown} KiB while two gigabytes passed");
}
