//! A request's head and an answer, as the rooms hand them to each other.

use http::uri::Uri;
use http::{Method, StatusCode, Version};

use crate::{Fields, Leisure};

/// What stands before a request's body.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// What is to be done.
    pub method: Method,
    /// To what: a path in canonical form.
    pub uri: Uri,
    /// The version of HTTP that it came by.
    pub version: Version,
    /// Its fields.
    pub headers: Fields,
    /// The client's own connection was encrypted: the gateway's, or that to a proxy it trusts.
    pub secure: bool,
    /// Where whoever answers may take over the limits on the body.
    pub leisure: Option<Leisure>,
}

/// An answer: its status, its fields, and what comes behind them.
#[derive(Clone, Debug)]
pub struct Response<B> {
    /// The status.
    pub status: StatusCode,
    /// The fields of its head.
    pub headers: Fields,
    /// What comes behind the head.
    pub body: B,
}

impl<B> Response<B> {
    /// `body` with status 200 and no fields.
    pub const fn new(body: B) -> Self {
        Self { status: StatusCode::OK, headers: Fields::new(), body }
    }

    /// Its head, and what comes behind it.
    pub fn into_parts(self) -> (Response<()>, B) {
        (Response { status: self.status, headers: self.headers, body: () }, self.body)
    }

    /// The same head with what is made of the body.
    pub fn map<C>(self, make: impl FnOnce(B) -> C) -> Response<C> {
        Response { status: self.status, headers: self.headers, body: make(self.body) }
    }
}

impl Response<()> {
    /// This head before `body`.
    pub fn with<B>(self, body: B) -> Response<B> {
        self.map(|()| body)
    }
}

impl<B: Default> Default for Response<B> {
    fn default() -> Self {
        Self::new(B::default())
    }
}

impl From<http::request::Parts> for RequestHead {
    fn from(parts: http::request::Parts) -> Self {
        Self { headers: parts.headers.into(), ..Self::new(parts.method, parts.uri, parts.version) }
    }
}

impl RequestHead {
    /// A head without fields.
    #[must_use]
    pub const fn new(method: Method, uri: Uri, version: Version) -> Self {
        Self { method, uri, version, headers: Fields::new(), secure: false, leisure: None }
    }
}
