//! Listening sockets on their way from one process to the one that replaces it: the sockets themselves, with all that
//! waits in their queues, over a pair of Unix sockets. Why so: docs/adr/0008-replacing-the-binary.md. It must not know
//! how processes are started, nor when.

use std::io::{self, IoSlice, IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::io::AsyncReadExt as _;

/// The first line of what is sent. Another form would have another number, and be refused.
const VERSION: &str = "sluicegate sockets 1";

/// What the new process says once it serves.
const SERVES: u8 = b'!';

/// All was written before the new process began: it waits for nobody.
const TAKE_WITHIN: Duration = Duration::from_secs(10);

/// Sockets that one message may carry. Each is sent in one of its own.
const AT_ONCE: usize = 4;

/// A listening socket that changes hands.
#[derive(Debug)]
pub struct Handed {
    /// The listener's name; none for a socket that is not one of a [`Server`](crate::Server)'s.
    pub name: Option<Arc<str>>,
    /// The address that was asked for: port 0 where the system chose.
    pub address: SocketAddr,
    /// The socket.
    pub socket: OwnedFd,
}

/// What an old process holds of the new one.
#[derive(Debug)]
pub struct Successor(tokio::net::UnixStream);

/// What a new process holds of the old one.
#[derive(Debug)]
pub struct Predecessor(UnixStream);

impl Successor {
    /// Hands over `sockets`, which stay open here as well. The other end is to be the new process's standard input. Must
    /// run within a tokio runtime.
    ///
    /// # Errors
    /// The system's; or there are more sockets than a pair of Unix sockets holds.
    pub fn of(sockets: &[Handed]) -> io::Result<(Self, OwnedFd)> {
        let (here, there) = UnixStream::pair()?;
        here.set_nonblocking(true)?;
        send(&here, &format!("{VERSION}\n"), None)?;
        for handed in sockets {
            let name = handed.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
            send(&here, &format!("{}{name}\n", handed.address), Some(&handed.socket))?;
        }
        send(&here, "\n", None)?;
        Ok((Self(tokio::net::UnixStream::from_std(here)?), there.into()))
    }

    /// Resolves when the new process serves.
    ///
    /// # Errors
    /// It ended before.
    pub async fn serves(&mut self) -> io::Result<()> {
        match self.0.read_u8().await? {
            SERVES => Ok(()),
            _ => Err(wrong("what it says is not known")),
        }
    }
}

impl Predecessor {
    /// Takes over the sockets that come over `channel`.
    ///
    /// # Errors
    /// `channel` is no such thing, or ends early.
    pub fn from(channel: OwnedFd) -> io::Result<(Self, Vec<Handed>)> {
        let channel = UnixStream::from(channel);
        channel.set_read_timeout(Some(TAKE_WITHIN))?;
        let (mut text, mut sockets) = (Vec::new(), Vec::new());
        while !text.ends_with(b"\n\n") {
            receive(&channel, &mut text, &mut sockets)?;
        }
        let text = String::from_utf8(text).map_err(|_| wrong("the sockets' names are no text"))?;
        let mut lines = text.trim_end().lines();
        if lines.next() != Some(VERSION) {
            return Err(wrong("the process before hands its sockets over in a form that is not known"));
        }
        let lines: Vec<&str> = lines.collect();
        if lines.len() != sockets.len() {
            return Err(wrong("there are not as many sockets as were announced"));
        }
        let handed = lines.into_iter().zip(sockets).map(|(line, socket)| {
            let (address, name) = match line.split_once(' ') {
                Some((address, name)) => (address, Some(name.into())),
                None => (line, None),
            };
            let address = address.parse().map_err(|_| wrong("a socket's address is none"))?;
            Ok(Handed { name, address, socket })
        });
        Ok((Self(channel), handed.collect::<io::Result<_>>()?))
    }

    /// Tells the old process that this one serves.
    ///
    /// # Errors
    /// It is gone.
    pub fn serves(mut self) -> io::Result<()> {
        self.0.write_all(&[SERVES])
    }
}

/// Sends a piece, and the socket it is about.
fn send(channel: &UnixStream, text: &str, socket: Option<&OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sockets = socket.map(|socket| [socket.as_fd()]);
    if let Some(sockets) = &sockets {
        // There is room for one.
        let _ = control.push(SendAncillaryMessage::ScmRights(sockets));
    }
    let sent = sendmsg(channel, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::empty())?;
    if sent == text.len() { Ok(()) } else { Err(wrong("there are more sockets than can be handed over")) }
}

/// Reads more of the text, and the sockets that come with it.
fn receive(channel: &UnixStream, text: &mut Vec<u8>, sockets: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(AT_ONCE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut piece = [0; 1024];
    let received = recvmsg(channel, &mut [IoSliceMut::new(&mut piece)], &mut control, RecvFlags::empty())?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            for descriptor in descriptors {
                // Lest they be inherited by whatever this process starts.
                fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
                sockets.push(descriptor);
            }
        }
    }
    if received.bytes == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    text.extend_from_slice(piece.get(..received.bytes).unwrap_or_default());
    Ok(())
}

fn wrong(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests;
