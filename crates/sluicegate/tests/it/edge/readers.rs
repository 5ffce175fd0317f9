//! Servers of other makes that say what they read: nginx, HAProxy, node, uvicorn with either of its parsers, aiohttp. Their
//! scripts are in `tests/readers`. They stay up for a whole run, and get many messages over one connection, each followed
//! by one that is known: a reader that takes a byte too many or too few does not know it again.

use std::io::{BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::answers;
use super::whole::Handed;
use crate::support::{PATIENCE, Peer, eventually, peer, root};

/// Behind each message.
pub(super) const KNOWN: &[u8] = b"GET /known HTTP/1.1\r\nhost: known\r\n\r\n";
pub(super) const KNOWN_SAID: &str = "GET /known 0";

/// Batches that may wait for a reader.
const AHEAD: usize = 2;

/// Messages looked at one by one where some reader gives up a connection: it may refuse one for the sake of a later one
/// that came with it.
const NEAR: usize = 400;

/// Exceptions after which a reader is given no more: it disagrees in principle.
const ENOUGH: usize = 20;

/// A server of another make.
struct Reader {
    name: &'static str,
    socket: PathBuf,
    _peer: Peer,
}

/// Something read otherwise than it was meant.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) reader: &'static str,
    pub(super) why: String,
    pub(super) bytes: Vec<u8>,
}

/// What one reader did in a run.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) reader: &'static str,
    pub(super) messages: u64,
    pub(super) exceptions: Vec<Exception>,
}

/// All of them, each reading on a thread of its own.
pub(super) struct Readers {
    queues: Vec<SyncSender<Arc<Vec<Handed>>>>,
    threads: Vec<JoinHandle<Tally>>,
    _folder: tempfile::TempDir,
}

impl Readers {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let python = peer("SLUICEGATE_PYTHON_EDGE");
        let file = |name: &str| root().join("tests/readers").join(name).to_string_lossy().into_owned();
        let mut all = Vec::new();
        let mut start = |name: &'static str, command: &dyn Fn(&Path) -> Vec<String>| {
            let own = folder.path().join(name);
            std::fs::create_dir(&own).unwrap();
            let command = command(&own);
            let command: Vec<&str> = command.iter().map(String::as_str).collect();
            all.push(Reader { name, socket: own.join("reader.sock"), _peer: Peer::start(&python, &command, &own) });
        };
        let socket = |own: &Path| own.join("reader.sock").to_string_lossy().into_owned();
        start("nginx", &|own| {
            let (log, configuration) = (own.join("start.log"), configured("nginx.conf", own));
            vec![peer("SLUICEGATE_NGINX"), "-e".into(), log.to_string_lossy().into(), "-c".into(), configuration]
        });
        start("haproxy", &|own| vec![peer("SLUICEGATE_HAPROXY"), "-f".into(), configured("haproxy.cfg", own)]);
        start("node", &|own| vec![peer("SLUICEGATE_NODE"), file("node.js"), socket(own)]);
        for parser in ["h11", "httptools"] {
            let name = if parser == "h11" { "uvicorn-h11" } else { "uvicorn-httptools" };
            start(name, &|own| vec![python.clone(), file("asgi.py"), socket(own), parser.into()]);
        }
        start("aiohttp", &|own| vec![python.clone(), file("aiohttp_reader.py"), socket(own)]);

        let (mut queues, mut threads) = (Vec::new(), Vec::new());
        for reader in all {
            eventually(&format!("{} takes connections", reader.name), || UnixStream::connect(&reader.socket).is_ok());
            let (queue, batches) = sync_channel::<Arc<Vec<Handed>>>(AHEAD);
            queues.push(queue);
            threads.push(std::thread::spawn(move || {
                let mut tally = Tally { reader: reader.name, ..Tally::default() };
                // To the end in any case: who is not listened to must not hold up the others.
                for batch in batches {
                    if tally.exceptions.len() < ENOUGH {
                        reader.read(&batch, &mut tally);
                    }
                }
                tally
            }));
        }
        Self { queues, threads, _folder: folder }
    }

    /// Has all of them read these messages. Returns before they have.
    pub(super) fn read(&self, batch: &Arc<Vec<Handed>>) {
        for queue in &self.queues {
            queue.send(Arc::clone(batch)).expect("the reader's thread lives");
        }
    }

    /// Waits until all is read.
    pub(super) fn finish(self) -> Vec<Tally> {
        drop(self.queues);
        self.threads.into_iter().map(|thread| thread.join().expect("a reader's thread ends well")).collect()
    }
}

impl Reader {
    fn read(&self, batch: &[Handed], tally: &mut Tally) {
        let mut rest = batch;
        while !rest.is_empty() && tally.exceptions.len() < ENOUGH {
            match self.read_over_one_connection(rest) {
                Ok(()) => {
                    tally.messages += rest.len() as u64;
                    return;
                }
                Err((place, why)) => {
                    let (place, why) = self.by_itself(rest, place).unwrap_or((place, why));
                    tally.messages += place as u64 + 1;
                    tally.exceptions.push(Exception { reader: self.name, why, bytes: rest[place].bytes.clone() });
                    rest = &rest[place + 1..];
                }
            }
        }
    }

    /// The first message from `place` on that is read otherwise also on a connection of its own.
    fn by_itself(&self, messages: &[Handed], place: usize) -> Option<(usize, String)> {
        let near = messages.iter().enumerate().skip(place).take(NEAR);
        let mut wrong = near.filter_map(|(place, one)| {
            let (_, why) = self.read_over_one_connection(std::slice::from_ref(one)).err()?;
            Some((place, why))
        });
        wrong.next()
    }

    /// The place of the first message that is read otherwise, and how.
    fn read_over_one_connection(&self, messages: &[Handed]) -> Result<(), (usize, String)> {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut to = stream.try_clone().unwrap();
        let bytes: Vec<u8> = messages.iter().flat_map(|one| [one.bytes.as_slice(), KNOWN]).collect::<Vec<_>>().concat();
        let writing = std::thread::spawn(move || drop(to.write_all(&bytes)));
        let mut from = BufReader::new(stream);
        let mut outcome = Ok(());
        'all: for (place, one) in messages.iter().enumerate() {
            for expected in [one.message.said(), KNOWN_SAID.to_owned()] {
                let said = match answers::next(&mut from, false) {
                    Ok(Some(answer)) if answer.status == 200 => String::from_utf8_lossy(&answer.body).into_owned(),
                    Ok(Some(answer)) => answer.head,
                    Ok(None) => "the connection ended".to_owned(),
                    Err(error) => error.to_string(),
                };
                if said != expected {
                    outcome = Err((place, format!("{expected:?} is read as {said:?}")));
                    break 'all;
                }
            }
        }
        let _ = from.get_ref().shutdown(std::net::Shutdown::Both);
        let _ = writing.join();
        outcome
    }
}

/// Writes a server's configuration into its folder.
fn configured(name: &str, own: &Path) -> String {
    let text = std::fs::read_to_string(root().join("tests/readers").join(name)).unwrap();
    let path = own.join(name);
    std::fs::write(&path, text.replace("{folder}", &own.to_string_lossy())).unwrap();
    path.to_string_lossy().into_owned()
}
