//! Fields on their way to a head: what must be there is, once and in order, and nothing that must not be (RFC 9113, section
//! 8). The one place that knows in what fields are kept.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri, Version, uri};
use sluicegate_core::fields::{Name, Value};
use sluicegate_core::{Fields, RequestHead, Response};

use crate::hpack::{Field, Pseudo, Sink};

/// What is gathered of one head.
#[derive(Debug, Default)]
pub(crate) struct Heading {
    fields: Fields,
    method: Option<Bytes>,
    scheme: Option<Bytes>,
    authority: Option<Bytes>,
    path: Option<Bytes>,
    status: Option<Bytes>,
    length: Option<u64>,
    /// What is wrong.
    wrong: Option<&'static str>,
}

impl Heading {
    /// Bytes that are to follow, if the head says so.
    pub(crate) const fn length(&self) -> Option<u64> {
        self.length
    }

    fn refuse(&mut self, why: &'static str) {
        self.wrong.get_or_insert(why);
    }

    fn pseudo(&mut self, pseudo: Pseudo, value: &[u8]) {
        if !self.fields.is_empty() {
            return self.refuse("a pseudo-field behind others");
        }
        let place = match pseudo {
            Pseudo::Authority => &mut self.authority,
            Pseudo::Method => &mut self.method,
            Pseudo::Path => &mut self.path,
            Pseudo::Scheme => &mut self.scheme,
            Pseudo::Status => &mut self.status,
        };
        // What nearly every head says needs no copy.
        let value = match value {
            b"POST" => Bytes::from_static(b"POST"),
            b"http" => Bytes::from_static(b"http"),
            b"https" => Bytes::from_static(b"https"),
            b"200" => Bytes::from_static(b"200"),
            other => Bytes::copy_from_slice(other),
        };
        if place.replace(value).is_some() {
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
    pub(crate) fn into_request(self, whole: bool) -> Result<RequestHead, &'static str> {
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
        if let Some(authority) = self.authority {
            parts.authority = Some(Authority::from_maybe_shared(authority).map_err(|_| "an authority that is none")?);
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
            let path = self.path.filter(|path| !path.is_empty()).ok_or("no path")?;
            parts.path_and_query = Some(PathAndQuery::from_maybe_shared(path).map_err(|_| "a path that is none")?);
            // There is no target of a scheme without an authority.
            parts.scheme = parts.authority.is_some().then_some(scheme);
        } else {
            parts = uri::Parts::default();
            parts.path_and_query = Some(PathAndQuery::from_static("/"));
        }
        let target = Uri::from_parts(parts).map_err(|_| "a target that is none")?;
        Ok(RequestHead { headers: self.fields, ..RequestHead::new(method, target, Version::HTTP_2) })
    }

    /// As an answer's head.
    pub(crate) fn into_answer(self) -> Result<Response<()>, &'static str> {
        if let Some(why) = self.wrong {
            return Err(why);
        }
        if self.method.is_some() || self.scheme.is_some() || self.authority.is_some() || self.path.is_some() {
            return Err("a pseudo-field of requests in an answer");
        }
        let status = self.status.as_deref().ok_or("no status")?;
        let status = StatusCode::from_bytes(status).map_err(|_| "a status that is none")?;
        Ok(Response { status, headers: self.fields, body: () })
    }

    /// As trailers.
    pub(crate) fn into_trailers(self) -> Result<Fields, &'static str> {
        let pseudo = [&self.method, &self.scheme, &self.authority, &self.path, &self.status];
        match self.wrong {
            Some(why) => Err(why),
            None if pseudo.iter().any(|field| field.is_some()) => Err("a pseudo-field in trailers"),
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

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
