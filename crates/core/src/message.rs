//! A request's head and an answer, as the rooms hand them to each other.

use http::header::HOST;
use http::uri::{Authority, Uri};
use http::{Method, StatusCode, Version};

use crate::{Fields, Leisure};

/// What stands before a request's body.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// What is to be done.
    pub method: Method,
    /// To what: a path in canonical form.
    pub uri: Uri,
    /// The host that stood before the path. Over HTTP/2 it may be named nowhere else.
    pub authority: Option<Authority>,
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
        Self { method, uri, authority: None, version, headers: Fields::new(), secure: false, leisure: None }
    }

    /// The name of the host that it is for, without a port, if it names one. That it names no two was seen to at the door.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        let host = match self.headers.get(HOST) {
            Some(value) => value.as_str()?,
            None => self.authority.as_ref()?.as_str(),
        };
        // The colons of an IPv6 address stand in brackets.
        let end = host.find(']').map_or_else(|| host.find(':'), |bracket| Some(bracket + 1)).unwrap_or(host.len());
        host.get(..end)
    }
}

#[cfg(test)]
mod tests {
    use http::uri::Authority;
    use http::{HeaderValue, Method, Uri, Version};

    use super::RequestHead;

    #[test]
    fn the_host_is_a_name_without_a_port() {
        for (named, host) in [
            ("models.example.com", "models.example.com"),
            ("models.example.com:8443", "models.example.com"),
            ("models:", "models"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("[::1]:80", "[::1]"),
        ] {
            let mut head = RequestHead::new(Method::GET, Uri::from_static("/v2"), Version::HTTP_2);
            assert_eq!(head.host(), None);
            head.authority = Some(named.parse::<Authority>().unwrap());
            assert_eq!(head.host(), Some(host), "{named}");
            head.authority = None;
            head.headers.insert("host", HeaderValue::from_str(named).unwrap());
            assert_eq!(head.host(), Some(host), "{named}");
        }
    }
}
