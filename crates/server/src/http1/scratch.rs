//! Room to read what comes first, one for each thread: connections that wait hold none, and what a thread used a moment ago is
//! still in its processor's cache, however many connections it serves.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::state::ROOM;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; ROOM].into_boxed_slice());
}

/// Reads what has come, up to [`ROOM`], and puts it into `input`, which takes as much room as that needs. Tells how much.
pub(super) fn poll_read<Io: AsyncRead>(
    io: Pin<&mut Io>,
    context: &mut Context<'_>,
    input: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    SCRATCH.with(|scratch| {
        // A socket that serves others while it is read would find it taken.
        let Ok(mut scratch) = scratch.try_borrow_mut() else {
            input.reserve(ROOM);
            return poll_read_buf(io, context, input);
        };
        let mut read = ReadBuf::new(&mut scratch);
        ready!(io.poll_read(context, &mut read))?;
        input.extend_from_slice(read.filled());
        Poll::Ready(Ok(read.filled().len()))
    })
}
