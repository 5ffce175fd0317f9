//! Fields on their way to a head: what must be there is, once and in order, and nothing that must not be (RFC 9113, section
//! 8). The one place that knows in what fields are kept.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri, Version, uri};
use sluicegate_core::fields::{Name, Value};
use sluicegate_core::{Fields, RequestHead, Response};

use crate::hpack::{Field, Pseudo, Sink};

/// Most bytes of a target that are kept for the next request.
const KEPT: usize = 512;

/// What is gathered of one head.
#[derive(Debug, Default)]
pub(crate) struct Heading {
    fields: Fields,
    method: Option<Bytes>,
    scheme: Option<Bytes>,
    authority: Option<Part<Authority>>,
    path: Option<Part<PathAndQuery>>,
    status: Option<Bytes>,
    length: Option<u64>,
    /// What is wrong.
    wrong: Option<&'static str>,
    /// What the last request of the connection was to: mostly the next is to the same.
    last: Option<Box<Last>>,
}

/// A part of a target: as it came, or as it was read before.
#[derive(Debug)]
enum Part<T> {
    New(Bytes),
    Known(T),
}

/// The last request's target.
#[derive(Debug)]
struct Last {
    authority: Authority,
    path: PathAndQuery,
}

impl<T: Clone> Part<T> {
    fn of(value: &[u8], known: Option<(&T, &str)>) -> Self {
        match known {
            Some((known, text)) if text.as_bytes() == value => Self::Known(known.clone()),
            _ => Self::New(Bytes::copy_from_slice(value)),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::New(bytes) if bytes.is_empty())
    }

    /// Reads it if it is `new`.
    fn read<E>(self, new: &mut bool, read: impl FnOnce(Bytes) -> Result<T, E>) -> Result<T, E> {
        match self {
            Self::New(bytes) => {
                *new = true;
                read(bytes)
            }
            Self::Known(known) => Ok(known),
        }
    }
}

impl Last {
    fn of(authority: &Authority, path: &PathAndQuery) -> Option<Box<Self>> {
        let bytes = authority.as_str().len() + path.as_str().len();
        (bytes <= KEPT).then(|| Box::new(Self { authority: authority.clone(), path: path.clone() }))
    }
}

impl Heading {
    /// Bytes that are to follow, if the head says so.
    pub(crate) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Begins another one.
    pub(crate) fn begin(&mut self) {
        if !self.fields.is_empty() {
            self.fields = Fields::new();
        }
        (self.method, self.scheme, self.status) = (None, None, None);
        (self.authority, self.path) = (None, None);
        (self.length, self.wrong) = (None, None);
    }

    /// What was gathered, to be taken apart.
    pub(crate) fn take(&mut self) -> Self {
        let last = self.last.take();
        let gathered = std::mem::take(self);
        self.last = last;
        gathered
    }

    fn refuse(&mut self, why: &'static str) {
        self.wrong.get_or_insert(why);
    }

    fn pseudo(&mut self, pseudo: Pseudo, value: &[u8]) {
        if !self.fields.is_empty() {
            return self.refuse("a pseudo-field behind others");
        }
        let last = self.last.as_deref();
        let twice = match pseudo {
            Pseudo::Authority => {
                let known = last.map(|last| (&last.authority, last.authority.as_str()));
                self.authority.replace(Part::of(value, known)).is_some()
            }
            Pseudo::Path => {
                let known = last.map(|last| (&last.path, last.path.as_str()));
                self.path.replace(Part::of(value, known)).is_some()
            }
            Pseudo::Method => self.method.replace(copied(value)).is_some(),
            Pseudo::Scheme => self.scheme.replace(copied(value)).is_some(),
            Pseudo::Status => self.status.replace(copied(value)).is_some(),
        };
        if twice {
            self.refuse("a pseudo-field twice");
        }
    }

    fn regular(&mut self, name: Name<'_>, value: Value<'_>) {
        match name.as_bytes() {
            b"connection" | b"transfer-encoding" | b"upgrade" | b"keep-alive" | b"proxy-connection" => {
                return self.refuse("a field of a connection of HTTP/1");
            }
            b"te" if value != "trailers" => return self.refuse("another `te` than `trailers`"),
            b"content-length" => match number(value.as_bytes()) {
                // The first counts; whoever takes the head sees that there are two.
                Some(length) => _ = self.length.get_or_insert(length),
                None => return self.refuse("a `content-length` that is none"),
            },
            _ => {}
        }
        if self.fields.is_empty() {
            // As much as a head mostly has, and what the gateway puts beside it.
            self.fields = Fields::with_capacity(12, 384);
        }
        self.fields.append(name, value);
    }

    /// As a request's head. `whole`: nothing was left out.
    pub(crate) fn take_request(&mut self, whole: bool) -> Result<RequestHead, &'static str> {
        if let Some(why) = self.wrong {
            return Err(why);
        }
        if self.status.is_some() {
            return Err("a status in a request");
        }
        let method = match self.method.as_deref() {
            Some(b"POST") => Method::POST,
            Some(b"GET") => Method::GET,
            Some(other) => Method::from_bytes(other).map_err(|_| "a method that is none")?,
            // What names it may be among what was left out.
            None if !whole => Method::GET,
            None => return Err("no method"),
        };
        let mut parts = uri::Parts::default();
        let mut new = false;
        if let Some(authority) = self.authority.take() {
            let authority = authority.read(&mut new, Authority::from_maybe_shared);
            parts.authority = Some(authority.map_err(|_| "an authority that is none")?);
        }
        if method == Method::CONNECT {
            if self.scheme.is_some() || self.path.is_some() {
                return Err("a scheme or path of a tunnel");
            }
        } else if whole {
            let scheme = match self.scheme.as_deref() {
                Some(b"http") => Scheme::HTTP,
                Some(b"https") => Scheme::HTTPS,
                Some(other) => Scheme::try_from(other).map_err(|_| "a scheme that is none")?,
                None => return Err("no scheme"),
            };
            let path = self.path.take().filter(|path| !path.is_empty()).ok_or("no path")?;
            let path = path.read(&mut new, PathAndQuery::from_maybe_shared).map_err(|_| "a path that is none")?;
            if new {
                self.last = parts.authority.as_ref().and_then(|authority| Last::of(authority, &path));
            }
            parts.path_and_query = Some(path);
            // There is no target of a scheme without an authority.
            parts.scheme = parts.authority.is_some().then_some(scheme);
        } else {
            parts = uri::Parts::default();
            parts.path_and_query = Some(PathAndQuery::from_static("/"));
        }
        let target = Uri::from_parts(parts).map_err(|_| "a target that is none")?;
        let headers = std::mem::take(&mut self.fields);
        Ok(RequestHead { headers, ..RequestHead::new(method, target, Version::HTTP_2) })
    }

    /// As an answer's head.
    pub(crate) fn take_answer(&mut self) -> Result<Response<()>, &'static str> {
        if let Some(why) = self.wrong {
            return Err(why);
        }
        if self.method.is_some() || self.scheme.is_some() || self.authority.is_some() || self.path.is_some() {
            return Err("a pseudo-field of requests in an answer");
        }
        let status = self.status.as_deref().ok_or("no status")?;
        let status = StatusCode::from_bytes(status).map_err(|_| "a status that is none")?;
        Ok(Response { status, headers: std::mem::take(&mut self.fields), body: () })
    }

    /// As trailers.
    pub(crate) fn into_trailers(self) -> Result<Fields, &'static str> {
        let target = self.authority.is_some() || self.path.is_some();
        let pseudo = [&self.method, &self.scheme, &self.status];
        match self.wrong {
            Some(why) => Err(why),
            None if target || pseudo.iter().any(|field| field.is_some()) => Err("a pseudo-field in trailers"),
            None => Ok(self.fields),
        }
    }
}

impl Sink for Heading {
    fn field(&mut self, field: Field<'_>) {
        match field {
            Field::Pseudo(pseudo, value) => self.pseudo(pseudo, value),
            Field::Regular(name, value) => self.regular(name, value),
            Field::Malformed(_) => self.refuse("a field that is none"),
        }
    }
}

/// What nearly every head says needs no copy.
fn copied(value: &[u8]) -> Bytes {
    match value {
        b"POST" => Bytes::from_static(b"POST"),
        b"http" => Bytes::from_static(b"http"),
        b"https" => Bytes::from_static(b"https"),
        b"200" => Bytes::from_static(b"200"),
        other => Bytes::copy_from_slice(other),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
