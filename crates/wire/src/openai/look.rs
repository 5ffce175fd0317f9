//! Looks over one JSON object of an answer, or of an event, for what the gateway reads or changes in it.

use std::ops::Range;

use sluicegate_core::Usage;

use super::LIMITS;
use super::usage;
use crate::fault::Read;
use crate::json::Reader;

/// What was found. A member that is not there, or of another type than expected, is not found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where the values of `model` and `response.model` stand, quotes included.
    pub(super) models: Vec<Range<usize>>,
    /// `usage` or `response.usage`.
    pub(super) usage: Option<Usage>,
    /// What to take out, so that a `usage` that is `null` is gone.
    pub(super) null_usage: Option<Range<usize>>,
    /// Whether `choices` is empty or `null`.
    pub(super) no_choices: bool,
    /// There is an `error`, or `type` says that this is one.
    pub(super) error: Option<Fault>,
    /// Whether `type` is that of the last event of a response.
    pub(super) last: bool,
    /// `sequence_number`.
    pub(super) sequence: Option<u64>,
}

/// Whose fault an error is, by what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client's: a `code` from 400 to 499, or a `type` that says so.
    Client,
    /// The server's, and where nothing is said.
    Server,
}

/// One object and what was found in it so far.
struct Look<'a> {
    reader: Reader<'a>,
    length: usize,
    found: Found,
    usages: usize,
}

/// Looks over `text`; `None` where it is not one JSON object.
pub(super) fn look(text: &[u8]) -> Option<Found> {
    let reader = Reader::new(text, &LIMITS).ok()?;
    let mut look = Look { length: reader.rest(), reader, found: Found::default(), usages: 0 };
    look.top().ok()?;
    Some(look.found)
}

impl Look<'_> {
    fn place(&self) -> usize {
        self.length.saturating_sub(self.reader.rest())
    }

    fn top(&mut self) -> Read<()> {
        self.reader.expect(b'{', "expected an object")?;
        // Where the member before ended, or the object began.
        let mut before = self.place();
        let mut first = true;
        loop {
            let leads = first;
            let Some(key) = self.reader.next_key(&mut first)? else { break };
            match key.as_ref() {
                "model" => self.model(1)?,
                "usage" => self.usage(before, leads)?,
                "choices" => self.choices()?,
                "error" => self.error()?,
                "type" => self.kind()?,
                "sequence_number" if matches!(self.reader.peek(), Some(b'0'..=b'9')) => {
                    self.found.sequence = self.reader.number()?.exact().and_then(|value| u64::try_from(value).ok());
                }
                "response" if self.reader.peek() == Some(b'{') => self.response()?,
                _ => self.reader.skip(1, false)?,
            }
            before = self.place();
        }
        self.reader.end()
    }

    fn model(&mut self, open: usize) -> Read<()> {
        let is_text = self.reader.peek() == Some(b'"');
        let from = self.place();
        self.reader.skip(open, false)?;
        if is_text {
            self.found.models.push(from..self.place());
        }
        Ok(())
    }

    fn usage(&mut self, before: usize, leads: bool) -> Read<()> {
        self.usages += 1;
        // Said twice it stays, whatever it says.
        self.found.null_usage = None;
        if self.reader.peek() == Some(b'{') {
            self.found.usage = Some(usage::read(&mut self.reader, 1)?);
            return Ok(());
        }
        let is_null = self.reader.word("null");
        if !is_null {
            return self.reader.skip(1, false);
        }
        let mut end = self.place();
        if leads && self.reader.peek() == Some(b',') {
            end = self.place() + 1;
        }
        if self.usages == 1 {
            self.found.null_usage = Some(before..end);
        }
        Ok(())
    }

    fn choices(&mut self) -> Read<()> {
        let mut ahead = self.reader.clone();
        self.found.no_choices = ahead.word("null") || (ahead.eat(b'[') && ahead.eat(b']'));
        self.reader.skip(1, false)
    }

    fn kind(&mut self) -> Read<()> {
        if self.reader.peek() != Some(b'"') {
            return self.reader.skip(1, false);
        }
        match self.reader.string()?.as_ref() {
            "response.completed" | "response.incomplete" => self.found.last = true,
            "response.failed" => {
                self.found.last = true;
                self.found.error.get_or_insert(Fault::Server);
            }
            "error" => _ = self.found.error.get_or_insert(Fault::Server),
            _ => {}
        }
        Ok(())
    }

    fn error(&mut self) -> Read<()> {
        match self.reader.peek() {
            Some(b'n') => return self.reader.skip(1, false),
            Some(b'{') => self.reader.expect(b'{', "expected an object")?,
            _ => {
                self.found.error = Some(Fault::Server);
                return self.reader.skip(1, false);
            }
        }
        let mut fault = Fault::Server;
        let mut first = true;
        while let Some(key) = self.reader.next_key(&mut first)? {
            let value = self.reader.peek();
            match (key.as_ref(), value) {
                ("code", Some(b'0'..=b'9')) => {
                    let code = self.reader.number()?.exact().and_then(|code| u64::try_from(code).ok());
                    if code.is_some_and(|code| (400..500).contains(&code)) {
                        fault = Fault::Client;
                    }
                }
                ("type", Some(b'"')) => {
                    if matches!(self.reader.string()?.as_ref(), "invalid_request_error" | "BadRequestError") {
                        fault = Fault::Client;
                    }
                }
                _ => self.reader.skip(2, false)?,
            }
        }
        self.found.error = Some(fault);
        Ok(())
    }

    /// The object that the events of a response carry.
    fn response(&mut self) -> Read<()> {
        self.reader.expect(b'{', "expected an object")?;
        let mut first = true;
        while let Some(key) = self.reader.next_key(&mut first)? {
            match key.as_ref() {
                "model" => self.model(2)?,
                "usage" if self.reader.peek() == Some(b'{') => {
                    self.found.usage = Some(usage::read(&mut self.reader, 2)?);
                }
                _ => self.reader.skip(2, false)?,
            }
        }
        Ok(())
    }
}
