//! The tables of fields (RFC 7541, section 2.3): the one that all share, and the one that a connection fills.

use std::collections::VecDeque;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

use super::Broken;
use super::field::{Field, Name, OVERHEAD, Pseudo};

/// Fields of the table that all share.
pub(super) const SHARED: usize = 61;

const fn pseudo(pseudo: Pseudo, value: &'static str) -> Field {
    Field::Pseudo(pseudo, Bytes::from_static(value.as_bytes()))
}

const fn regular(name: HeaderName, value: &'static str) -> Field {
    Field::Regular(name, HeaderValue::from_static(value))
}

/// Appendix A. Those whose value is empty are there for their name.
static FIELDS: [Field; SHARED] = [
    pseudo(Pseudo::Authority, ""),
    pseudo(Pseudo::Method, "GET"),
    pseudo(Pseudo::Method, "POST"),
    pseudo(Pseudo::Path, "/"),
    pseudo(Pseudo::Path, "/index.html"),
    pseudo(Pseudo::Scheme, "http"),
    pseudo(Pseudo::Scheme, "https"),
    pseudo(Pseudo::Status, "200"),
    pseudo(Pseudo::Status, "204"),
    pseudo(Pseudo::Status, "206"),
    pseudo(Pseudo::Status, "304"),
    pseudo(Pseudo::Status, "400"),
    pseudo(Pseudo::Status, "404"),
    pseudo(Pseudo::Status, "500"),
    regular(header::ACCEPT_CHARSET, ""),
    regular(header::ACCEPT_ENCODING, "gzip, deflate"),
    regular(header::ACCEPT_LANGUAGE, ""),
    regular(header::ACCEPT_RANGES, ""),
    regular(header::ACCEPT, ""),
    regular(header::ACCESS_CONTROL_ALLOW_ORIGIN, ""),
    regular(header::AGE, ""),
    regular(header::ALLOW, ""),
    regular(header::AUTHORIZATION, ""),
    regular(header::CACHE_CONTROL, ""),
    regular(header::CONTENT_DISPOSITION, ""),
    regular(header::CONTENT_ENCODING, ""),
    regular(header::CONTENT_LANGUAGE, ""),
    regular(header::CONTENT_LENGTH, ""),
    regular(header::CONTENT_LOCATION, ""),
    regular(header::CONTENT_RANGE, ""),
    regular(header::CONTENT_TYPE, ""),
    regular(header::COOKIE, ""),
    regular(header::DATE, ""),
    regular(header::ETAG, ""),
    regular(header::EXPECT, ""),
    regular(header::EXPIRES, ""),
    regular(header::FROM, ""),
    regular(header::HOST, ""),
    regular(header::IF_MATCH, ""),
    regular(header::IF_MODIFIED_SINCE, ""),
    regular(header::IF_NONE_MATCH, ""),
    regular(header::IF_RANGE, ""),
    regular(header::IF_UNMODIFIED_SINCE, ""),
    regular(header::LAST_MODIFIED, ""),
    regular(header::LINK, ""),
    regular(header::LOCATION, ""),
    regular(header::MAX_FORWARDS, ""),
    regular(header::PROXY_AUTHENTICATE, ""),
    regular(header::PROXY_AUTHORIZATION, ""),
    regular(header::RANGE, ""),
    regular(header::REFERER, ""),
    regular(header::REFRESH, ""),
    regular(header::RETRY_AFTER, ""),
    regular(header::SERVER, ""),
    regular(header::SET_COOKIE, ""),
    regular(header::STRICT_TRANSPORT_SECURITY, ""),
    regular(header::TRANSFER_ENCODING, ""),
    regular(header::USER_AGENT, ""),
    regular(header::VARY, ""),
    regular(header::VIA, ""),
    regular(header::WWW_AUTHENTICATE, ""),
];

/// The fields that a peer has put into its table, the newest first.
#[derive(Debug)]
pub(super) struct Table {
    fields: VecDeque<(Field, usize)>,
    size: usize,
    /// Bytes that it may have now.
    limit: usize,
}

impl Table {
    pub(super) const fn new(limit: usize) -> Self {
        Self { fields: VecDeque::new(), size: 0, limit }
    }

    /// The field of that number, and what it counts.
    pub(super) fn get(&self, index: usize) -> Result<(&Field, usize), Broken> {
        const NONE: Broken = Broken("a field is named that is in no table");
        match index.checked_sub(1).ok_or(NONE)? {
            shared @ 0..SHARED => {
                let field = FIELDS.get(shared).ok_or(NONE)?;
                let value = match field {
                    Field::Pseudo(_, value) => value.len(),
                    Field::Regular(_, value) => value.len(),
                    Field::Malformed(_) => 0,
                };
                Ok((field, field.name().len() + value + OVERHEAD))
            }
            own => self.fields.get(own - SHARED).map(|(field, size)| (field, *size)).ok_or(NONE),
        }
    }

    pub(super) fn name(&self, index: usize) -> Result<Name, Broken> {
        self.get(index).map(|(field, _)| field.name())
    }

    /// Puts a field of that size into it.
    pub(super) fn put(&mut self, field: Field, size: usize) {
        self.make_room(size);
        // One that has no room in the empty table empties it, and that is right.
        if size <= self.limit {
            self.size += size;
            self.fields.push_front((field, size));
        }
    }

    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.make_room(0);
    }

    fn make_room(&mut self, size: usize) {
        while self.size.saturating_add(size) > self.limit {
            let Some((_, gone)) = self.fields.pop_back() else { break };
            self.size -= gone;
        }
    }
}
