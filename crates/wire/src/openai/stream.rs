//! Streamed answers: each event handed on as it came, or with the model's name put back; the usage read on the way.
//!
//! Events are handed on whole. A client can do nothing with half of one, and so an error can follow at any time.

use std::collections::VecDeque;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use sluicegate_core::{Refusal, Usage};

use super::error;
pub use super::look::Fault;
use super::look::{Found, look};
use super::splice::{Edit, quoted, splice};
use crate::sse::{self, Data, Event, Oversize, TooLarge};

/// Pieces up to this size are copied together, so that a change in an event makes no piece of its own. In bytes.
const SMALL: usize = 2048;

/// How the events of a stream follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamForm {
    /// Chunks of a completion, ended by `data: [DONE]`.
    Chunks,
    /// Events of a response, the last of which says how it ended.
    Response,
}

/// What is to be done with a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// How its events follow each other.
    pub form: StreamForm,
    /// The client's name for the model, to be put in place of the backend's; `None` where they are the same.
    pub model: Option<String>,
    /// Whether the usage was asked for, but not by the client: its chunk is dropped, and `usage` where it is `null`.
    pub strip_usage: bool,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The last usage told.
    pub usage: Option<Usage>,
    /// Whether the server said that this is the end. Without it the stream was cut off.
    pub complete: bool,
    /// The server told of an error within the stream, and whose fault it is.
    pub failed: Option<Fault>,
}

/// Edits a stream on its way.
#[derive(Debug)]
pub struct StreamEdit {
    reader: sse::Reader,
    form: StreamForm,
    /// As a JSON string.
    model: Option<Bytes>,
    strip_usage: bool,
    ending: Ending,
    sequence: Option<u64>,
    /// Whether what was handed on last does not end an event.
    ragged: bool,
    /// Whether an event was dropped up to the middle of the line end that is its last.
    half_dropped: bool,
    /// Small pieces that will be handed on as one.
    small: BytesMut,
}

/// Made once: a searcher costs more than the search in an event of a few words.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""usage""#));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(br#""error""#));

impl StreamEdit {
    /// An edit of one stream.
    #[must_use]
    pub fn new(settings: StreamSettings) -> Self {
        let StreamSettings { form, model, strip_usage } = settings;
        // What need not be changed may be of any size.
        let oversize = if model.is_some() { Oversize::Refuse } else { Oversize::Pass };
        Self {
            reader: sse::Reader::new(sse::EVENT_LIMIT, oversize),
            form,
            model: model.as_deref().map(quoted),
            strip_usage,
            ending: Ending::default(),
            sequence: None,
            ragged: false,
            half_dropped: false,
            small: BytesMut::new(),
        }
    }

    /// Takes the next piece of the backend's stream, and puts what can be handed on to `out`; never an empty piece.
    ///
    /// # Errors
    /// An event in which the model's name must be changed is too large. What came before it is in `out`.
    pub fn push(&mut self, piece: Bytes, out: &mut VecDeque<Bytes>) -> Result<(), TooLarge> {
        self.reader.push(piece);
        let outcome = loop {
            match self.reader.next_event() {
                Ok(Some(event)) => self.edit(&event, out),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.flush(out);
        outcome
    }

    /// Takes the end of the backend's stream. What is left of an event goes to `out`, unless it is cut off within: then
    /// it is dropped, since nobody could read it.
    pub fn finish(&mut self, out: &mut VecDeque<Bytes>) -> Ending {
        self.ragged |= self.reader.is_torn();
        if let Some(event) = self.reader.rest() {
            let whole = event.data().is_none_or(|data| event.is_done() || look(&data.text).is_some());
            if whole || self.ending.complete {
                self.edit(&event, out);
                self.ragged |= event.lines().next().is_some();
            }
            self.flush(out);
        }
        self.ending
    }

    /// What is known of the end so far.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        self.ending
    }

    /// The event that tells the client of `refusal`, when the stream cannot go on. Nothing may follow it.
    #[must_use]
    pub fn break_off(&self, refusal: &Refusal) -> Bytes {
        let mut out = Vec::new();
        if self.ragged || self.reader.is_torn() {
            out.extend_from_slice(b"\n\n");
        }
        error::event(refusal, self.form, self.sequence, &mut out);
        out.into()
    }

    fn edit(&mut self, event: &Event, out: &mut VecDeque<Bytes>) {
        if std::mem::take(&mut self.half_dropped) && event.raw() == "\n" {
            return;
        }
        let Some(data) = event.data() else { return self.hand_on(event.raw().clone(), out) };
        if event.is_done() {
            self.ending.complete = true;
            return self.hand_on(event.raw().clone(), out);
        }
        if self.is_dull(&data.text) {
            return self.hand_on(event.raw().clone(), out);
        }
        let Some(found) = look(&data.text) else { return self.hand_on(event.raw().clone(), out) };
        self.note(&found);
        if self.strip_usage && found.no_choices && found.usage.is_some() {
            self.half_dropped = event.raw().ends_with(b"\r");
            return;
        }
        let mut edits = self.edits(&data, found);
        splice(event.raw(), &mut edits, |piece| self.hand_on(piece, out));
    }

    /// Whether nothing in the event can be of interest: the words are not there, in quotes or out of them.
    fn is_dull(&self, text: &[u8]) -> bool {
        self.form == StreamForm::Chunks
            && self.model.is_none()
            && USAGE.find(text).is_none()
            && ERROR.find(text).is_none()
    }

    fn note(&mut self, found: &Found) {
        self.ending.usage = found.usage.or(self.ending.usage);
        self.ending.failed = self.ending.failed.or(found.error);
        self.ending.complete |= found.last && self.form == StreamForm::Response;
        self.sequence = found.sequence.or(self.sequence);
    }

    fn edits(&self, data: &Data, found: Found) -> Vec<Edit> {
        let mut edits = Vec::new();
        if let Some(model) = &self.model {
            for range in found.models {
                // A string lies on one line.
                data.places(&range, |at| edits.push(Edit { at, with: model.clone() }));
            }
        }
        if self.strip_usage
            && let Some(range) = found.null_usage
        {
            data.places(&range, |at| edits.push(Edit { at, with: Bytes::new() }));
        }
        edits
    }

    fn hand_on(&mut self, piece: Bytes, out: &mut VecDeque<Bytes>) {
        if piece.len() <= SMALL {
            self.small.extend_from_slice(&piece);
        } else {
            self.flush(out);
            out.push_back(piece);
        }
    }

    fn flush(&mut self, out: &mut VecDeque<Bytes>) {
        if !self.small.is_empty() {
            out.push_back(self.small.split().freeze());
        }
    }
}
