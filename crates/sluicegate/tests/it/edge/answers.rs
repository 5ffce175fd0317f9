//! Reads the answers on a connection one by one, from a socket or from bytes at hand.

use std::io::{self, BufRead, Read};

/// One answer, its body free of framing.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// The next final answer; `None` where the connection ends instead. `bare`: the answer to a HEAD request, without a body.
pub(crate) fn next(from: &mut impl BufRead, bare: bool) -> io::Result<Option<Answer>> {
    loop {
        let Some(answer) = one(from, bare)? else { return Ok(None) };
        if answer.status >= 200 || answer.status == 101 {
            return Ok(Some(answer));
        }
    }
}

fn one(from: &mut impl BufRead, bare: bool) -> io::Result<Option<Answer>> {
    let mut head = String::new();
    loop {
        let mut line = Vec::new();
        if from.read_until(b'\n', &mut line)? == 0 {
            let nothing = head.is_empty();
            return if nothing { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        if line == b"\r\n" {
            break;
        }
        head.push_str(&String::from_utf8_lossy(&line));
    }
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {head:?}")))?;
    let mut answer = Answer { status, head, body: Vec::new() };
    if !bare && status >= 200 && status != 204 && status != 304 {
        answer.read_body(from)?;
    }
    Ok(Some(answer))
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    fn read_body(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        if self.header("transfer-encoding").is_some() {
            return self.read_chunks(from);
        }
        let Some(length) = self.header("content-length") else {
            return from.read_to_end(&mut self.body).map(drop);
        };
        self.body.resize(length.parse().map_err(io::Error::other)?, 0);
        from.read_exact(&mut self.body)
    }

    fn read_chunks(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
            from.by_ref().take(size).read_to_end(&mut self.body)?;
            from.read_line(&mut String::new())?;
            if size == 0 {
                return Ok(());
            }
        }
    }
}
