//! Requests without end, and streams that end when they are told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use crate::http::Client;
use crate::support::{PATIENCE, eventually};

const INFER: &str = r#"{"inputs":[{"name":"features","shape":[1,4],"datatype":"FP32","data":[5.1,3.4,1.5,0.2]}]}"#;

/// Clients, half of which take a new connection for each request.
pub(super) struct Load {
    clients: Vec<JoinHandle<Vec<String>>>,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    pub(super) fn start(address: SocketAddr) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..4).map(|number| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            std::thread::spawn(move || client(address, number % 2 == 0, &stop, &answered))
        });
        let clients = clients.collect();
        Self { clients, stop, answered }
    }

    /// Waits until so many more requests were answered.
    pub(super) fn wait_for_more(&self, count: usize) {
        let enough = self.answered.load(Ordering::SeqCst) + count;
        eventually("requests go on", || {
            self.answered.load(Ordering::SeqCst) >= enough || self.clients.iter().any(JoinHandle::is_finished)
        });
    }

    /// How many requests were answered, and what went wrong.
    pub(super) fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        let failures = self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        (self.answered.load(Ordering::SeqCst), failures)
    }
}

fn client(address: SocketAddr, keeps: bool, stop: &AtomicBool, answered: &AtomicUsize) -> Vec<String> {
    let mut kept: Option<Client> = None;
    while !stop.load(Ordering::SeqCst) {
        let asked = match kept.take().map_or_else(|| Client::try_connect(address), Ok) {
            Ok(mut client) => {
                let answer = client.try_send("POST", "/v2/models/iris/infer", &[], INFER.as_bytes());
                answer.map(|answer| (client, answer))
            }
            Err(error) => Err(error),
        };
        match asked {
            Ok((client, answer)) if answer.status == 200 => {
                answered.fetch_add(1, Ordering::SeqCst);
                kept = (keeps && answer.header("connection") != Some("close")).then_some(client);
            }
            // One is enough to fail.
            Ok((_, answer)) => return vec![format!("status {}: {}", answer.status, answer.text())],
            Err(error) => return vec![format!("{} connection: {error}", if keeps { "kept" } else { "new" })],
        }
    }
    Vec::new()
}

/// A server whose answers come in two parts: the second when it is released.
pub(super) struct Streams {
    address: SocketAddr,
    released: Arc<Released>,
}

/// How often was released.
#[derive(Default)]
struct Released {
    times: Mutex<usize>,
    more: Condvar,
}

/// An answer of which the first part was read.
pub(super) struct Open(BufReader<TcpStream>);

impl Streams {
    pub(super) fn backend() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let released = Arc::new(Released::default());
        let gate = Arc::clone(&released);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, gate) = (connection.unwrap(), Arc::clone(&gate));
                std::thread::spawn(move || answer_all(&connection, &gate));
            }
        });
        Self { address, released }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks the gateway at `address` for a stream, and reads its first part.
    pub(super) fn open(&self, address: SocketAddr) -> Open {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = r#"{"model":"chat","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
        let head =
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ";
        write!(stream, "{head}{}\r\n\r\n{body}", body.len()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut read = String::new();
        while !read.contains("first") {
            assert_ne!(lines.read_line(&mut read).unwrap(), 0, "{read}");
        }
        Open(lines)
    }

    /// Lets all streams that are open end.
    pub(super) fn release(&self) {
        *self.released.times.lock() += 1;
        self.released.more.notify_all();
    }
}

impl Open {
    /// Fails unless the rest comes whole.
    pub(super) fn read_to_its_end(mut self) {
        let mut rest = String::new();
        while !rest.ends_with("\r\n0\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut rest).unwrap(), 0, "a stream was cut: {rest}");
        }
        assert!(rest.contains("second") && rest.contains("[DONE]"), "{rest}");
    }
}

fn answer_all(connection: &TcpStream, gate: &Released) {
    let mut lines = BufReader::new(connection);
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while lines.read_line(&mut line).is_ok_and(|read| read > 0) && line != "\r\n" {
            head.push_str(&line.to_ascii_lowercase());
            line.clear();
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
        if line.is_empty() || lines.read_exact(&mut body).is_err() {
            return;
        }
        if !head.starts_with("post /v1/chat/completions ") {
            let nothing = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
            (&mut &*connection).write_all(nothing).unwrap();
            continue;
        }
        let mut times = gate.times.lock();
        let before = *times;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let first = head.to_owned() + &chunk(&event("first"));
        (&mut &*connection).write_all(first.as_bytes()).unwrap();
        while *times == before {
            gate.more.wait(&mut times);
        }
        drop(times);
        let rest = chunk(&event("second")) + &chunk("data: [DONE]\n\n") + "0\r\n\r\n";
        (&mut &*connection).write_all(rest.as_bytes()).unwrap();
    }
}

fn event(word: &str) -> String {
    format!(
        "data: {{\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"chat\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}
