//! The threads of a running gateway.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::Client;
use crate::support::{Gateway, sluicegate, stderr};

const MODEL: &str = "examples/quickstart/models/iris.onnx";

#[test]
fn as_many_threads_serve_as_asked_for() {
    for (arguments, count) in [(&[MODEL, "--threads", "3"][..], 3), (&[MODEL, "--threads", "1"], 1)] {
        let gateway = Gateway::serve(arguments);
        gateway.get("/v2/models/iris").expect(200);
        assert_eq!(gateway.threads("worker-"), count, "{arguments:?}");
    }
    let gateway = Gateway::serve(&[MODEL]);
    assert_eq!(gateway.threads("worker-"), std::thread::available_parallelism().unwrap().get(), "one a processor");
}

#[test]
fn without_a_thread_it_does_not_start() {
    let output = sluicegate(&["serve", MODEL, "--threads", "0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--threads"), "{}", stderr(&output));
}

#[test]
fn each_worker_has_its_own_connection_to_a_server() {
    let (address, inferring) = server();
    let configuration = format!(
        "version: 1\nlisteners: {{ l: {{ address: 127.0.0.1:0, authenticate: [anonymous] }} }}\nbackends: {{ b: {{ protocol: \
         oip-rest, endpoints: [\"http://{address}\"], binary: always }} }}\nmodels: {{ m: {{ backend: b }} }}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.yaml");
    std::fs::write(&path, configuration).unwrap();
    let gateway = Gateway::serve(&["--config", path.to_str().unwrap(), "--threads", "2"]);
    let mut clients: Vec<Client> = (0..4).map(|_| gateway.client()).collect();
    for _ in 0..5 {
        // One after the other: one connection of each worker is enough.
        for client in &mut clients {
            client.post("/v2/models/m/infer", "{}").expect(200);
        }
    }
    assert_eq!(inferring.load(Ordering::SeqCst), 2);
}

/// A model server that counts the connections over which inference was asked for.
fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let inferring = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&inferring);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, count) = (connection.unwrap(), Arc::clone(&count));
            std::thread::spawn(move || answer_all(&connection, &count));
        }
    });
    (address, inferring)
}

fn answer_all(connection: &TcpStream, inferring: &AtomicUsize) {
    let mut lines = BufReader::new(connection);
    let mut asked = 0;
    loop {
        let (mut line, mut infers, mut length) = (String::new(), false, 0);
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
            infers |= line.contains("/infer ");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut body = vec![0; length];
        if line.is_empty() || lines.read_exact(&mut body).is_err() {
            return;
        }
        asked += usize::from(infers);
        if infers && asked == 1 {
            inferring.fetch_add(1, Ordering::SeqCst);
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        if (&mut &*connection).write_all(answer).is_err() {
            return;
        }
    }
}
