//! The few members of a request that say where it goes and how it is answered, and the request as its backend gets it.
//!
//! The body is looked over once from end to end: what the gateway reads must be what every other reader reads, so a
//! body that is not plain JSON is refused, and so is one that says a thing twice.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use sluicegate_core::{Body, Fields, Kind, Refusal};

use super::splice::{Edit, quoted, splice};
use crate::Limits;
use crate::json::{Members, Reader};
use crate::oip_rest::is_identity;

/// What a request's body says at its top level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The model, by the client's name.
    pub model: String,
    /// Whether the answer is wanted as a stream of events.
    pub stream: bool,
    /// Whether the client asked for the usage at the end of a stream.
    pub include_usage: bool,
    model_at: Range<usize>,
    ask_usage: Option<Edit>,
}

/// What has been read so far.
struct Scan<'a> {
    reader: Reader<'a>,
    length: usize,
    model: Option<(String, Range<usize>)>,
    stream: Option<bool>,
    options: Option<Options>,
}

/// What `stream_options` says.
struct Options {
    include_usage: bool,
    ask_usage: Option<Edit>,
}

impl Head {
    /// Reads a request's body.
    ///
    /// # Errors
    /// It has a content encoding, is not one JSON object, is nested too deep, gives a key twice at its top level, has no
    /// `model`, or `model`, `stream` or `stream_options` are of the wrong type.
    pub fn read(headers: &Fields, body: &[u8], limits: &Limits) -> Result<Self, Refusal> {
        if !is_identity(headers) {
            return Err(Refusal::new(Kind::UnsupportedEncoding, "send the body without content-encoding"));
        }
        let reader = Reader::new(body, limits)?;
        let mut scan = Scan { length: reader.rest(), reader, model: None, stream: None, options: None };
        let opened = scan.read()?;
        let (model, model_at) = scan.model.ok_or_else(|| wrong("model", "is missing"))?;
        let options = scan.options.unwrap_or_else(|| Options {
            include_usage: false,
            // Something follows: the model.
            ask_usage: Some(insert(opened, r#""stream_options":{"include_usage":true},"#)),
        });
        Ok(Self {
            model,
            stream: scan.stream.unwrap_or(false),
            include_usage: options.include_usage,
            model_at,
            ask_usage: options.ask_usage,
        })
    }

    /// The request as a backend gets it: `body`, from which this was read, with the backend's name for the model where
    /// it has another, and with the usage asked for where `ask_usage` says so and the client did not ask. Without a
    /// change it is the same bytes.
    #[must_use]
    pub fn forward(&self, body: &Bytes, model: Option<&str>, ask_usage: bool) -> Body {
        let model = model.filter(|model| *model != self.model);
        let model = model.map(|model| Edit { at: self.model_at.clone(), with: quoted(model) });
        let usage = self.ask_usage.clone().filter(|_| ask_usage);
        let mut edits: Vec<Edit> = model.into_iter().chain(usage).collect();
        let mut pieces = Vec::with_capacity(edits.len() * 2 + 1);
        splice(body, &mut edits, |piece| pieces.push(piece));
        pieces.into_iter().collect()
    }
}

impl Scan<'_> {
    fn place(&self) -> usize {
        self.length.saturating_sub(self.reader.rest())
    }

    /// Reads to the end; answers where the object's first member may stand.
    fn read(&mut self) -> Result<usize, Refusal> {
        self.reader.expect(b'{', "expected a request, a JSON object")?;
        let opened = self.place();
        let mut others = Members::of(&[]);
        let mut first = true;
        while let Some(key) = self.reader.next_key(&mut first)? {
            match key.as_ref() {
                "model" => self.read_model()?,
                "stream" => self.read_stream()?,
                "stream_options" => self.read_options()?,
                _ => {
                    others.note(key, &self.reader)?;
                    self.reader.skip(1, false)?;
                }
            }
        }
        self.reader.end()?;
        Ok(opened)
    }

    fn read_model(&mut self) -> Result<(), Refusal> {
        if self.model.is_some() {
            return Err(wrong("model", TWICE));
        }
        if self.reader.peek() != Some(b'"') {
            return Err(wrong("model", "must be a string"));
        }
        let from = self.place();
        let name = self.reader.string().map(Cow::into_owned)?;
        if name.len() > self.reader.limits().name {
            return Err(wrong("model", "is too long"));
        }
        self.model = Some((name, from..self.place()));
        Ok(())
    }

    fn read_stream(&mut self) -> Result<(), Refusal> {
        if self.stream.is_some() {
            return Err(wrong("stream", TWICE));
        }
        self.stream = Some(self.truth().ok_or_else(|| wrong("stream", "must be true or false"))?.unwrap_or(false));
        Ok(())
    }

    fn read_options(&mut self) -> Result<(), Refusal> {
        if self.options.is_some() {
            return Err(wrong("stream_options", TWICE));
        }
        self.reader.peek();
        let from = self.place();
        let options = if self.reader.word("null") {
            let ask_usage = Edit { at: from..self.place(), with: Bytes::from_static(br#"{"include_usage":true}"#) };
            Options { include_usage: false, ask_usage: Some(ask_usage) }
        } else if self.reader.eat(b'{') {
            self.read_include_usage()?
        } else {
            return Err(wrong("stream_options", "must be an object"));
        };
        self.options = Some(options);
        Ok(())
    }

    /// Reads `stream_options`, past its opening bracket.
    fn read_include_usage(&mut self) -> Result<Options, Refusal> {
        let opened = self.place();
        let mut empty = true;
        let mut found = None;
        let mut others = Members::of(&[]);
        let mut first = true;
        while let Some(key) = self.reader.next_key(&mut first)? {
            empty = false;
            if key != "include_usage" {
                others.note(key, &self.reader)?;
                self.reader.skip(2, false)?;
                continue;
            }
            if found.is_some() {
                return Err(wrong(INCLUDE_USAGE, TWICE));
            }
            self.reader.peek();
            let from = self.place();
            let value = self.truth().ok_or_else(|| wrong(INCLUDE_USAGE, "must be true or false"))?;
            found = Some((value.unwrap_or(false), from..self.place()));
        }
        Ok(match found {
            Some((true, _)) => Options { include_usage: true, ask_usage: None },
            Some((false, at)) => {
                Options { include_usage: false, ask_usage: Some(Edit { at, with: Bytes::from_static(b"true") }) }
            }
            None => {
                let text = if empty { r#""include_usage":true"# } else { r#""include_usage":true,"# };
                Options { include_usage: false, ask_usage: Some(insert(opened, text)) }
            }
        })
    }

    /// A boolean, or `null`; `None` where something else comes.
    fn truth(&mut self) -> Option<Option<bool>> {
        if self.reader.word("true") {
            Some(Some(true))
        } else if self.reader.word("false") {
            Some(Some(false))
        } else {
            self.reader.word("null").then_some(None)
        }
    }
}

/// `error` reads the parameter's name from the text in front.
fn wrong(key: &str, what: &str) -> Refusal {
    Refusal::new(Kind::BadRequest, format!("'{key}' {what}"))
}

fn insert(at: usize, text: &'static str) -> Edit {
    Edit { at: at..at, with: Bytes::from_static(text.as_bytes()) }
}

const TWICE: &str = "is given twice";
const INCLUDE_USAGE: &str = "stream_options.include_usage";

/// Parameters that a refusal may name.
pub(super) const PARAMETERS: &[&str] = &["model", "stream", "stream_options", INCLUDE_USAGE];
