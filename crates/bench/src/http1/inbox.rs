//! Bytes that have come in and are not read yet.

use std::io;

use anyhow::{Result, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::{Event, Reader, Side};

/// A buffer that is filled behind and read in front, and the reader of what is in it.
pub(crate) struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    reader: Reader,
}

impl Inbox {
    /// With room for so many bytes; a head must fit.
    pub(crate) fn new(side: Side, room: usize) -> Self {
        Self { bytes: vec![0; room], start: 0, end: 0, reader: Reader::new(side) }
    }

    /// Hands each piece of the next message to `take`. `false`: the peer closed before one began.
    pub(crate) async fn message(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        mut take: impl FnMut(Event<'_>) -> Result<()>,
    ) -> Result<bool> {
        let mut begun = false;
        loop {
            let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
            if let Some((event, taken)) = self.reader.next(waiting)? {
                self.start += taken;
                begun = true;
                let over = event == Event::End;
                take(event)?;
                if over {
                    return Ok(true);
                }
            } else if !self.fill(stream).await? {
                ensure!(!begun && self.start == self.end, "the peer closed in the middle of a message");
                return Ok(false);
            }
        }
    }

    /// The head that the next message begins with; `message` goes on behind it. `None`: the peer closed before one began.
    pub(crate) async fn head(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Vec<u8>>> {
        loop {
            let waiting = self.bytes.get(self.start..self.end).unwrap_or_default();
            if let Some((event, taken)) = self.reader.next(waiting)? {
                let Event::Head(head) = event else { bail!("a message that does not begin with its head") };
                let head = head.to_vec();
                self.start += taken;
                return Ok(Some(head));
            }
            if !self.fill(stream).await? {
                ensure!(self.start == self.end, "the peer closed in the middle of a head");
                return Ok(None);
            }
        }
    }

    /// Whether nothing has come that was not read.
    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Takes what is there, or waits until something is. `false`: the peer has closed.
    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.bytes.len() {
            self.bytes.copy_within(self.start.., 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        let count = stream.read(room).await?;
        self.end += count;
        Ok(count > 0)
    }
}
