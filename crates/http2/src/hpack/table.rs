//! The tables of fields (RFC 7541, section 2.3): the one that all share, and the one that a connection fills.

use std::collections::VecDeque;

use sluicegate_core::fields::{Name as Token, Value};

use super::Broken;
use super::field::{Field, Kept, Name, OVERHEAD, Pseudo};

/// Fields of the table that all share.
pub(super) const SHARED: usize = 61;

const fn pseudo(pseudo: Pseudo, value: &'static str) -> Field<'static> {
    Field::Pseudo(pseudo, value.as_bytes())
}

const fn regular(name: &'static str, value: &'static str) -> Field<'static> {
    Field::Regular(Token::of_ours(name), Value::of_ours(value))
}

/// Appendix A. Those whose value is empty are there for their name.
static FIELDS: [Field<'static>; SHARED] = [
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
    regular("accept-charset", ""),
    regular("accept-encoding", "gzip, deflate"),
    regular("accept-language", ""),
    regular("accept-ranges", ""),
    regular("accept", ""),
    regular("access-control-allow-origin", ""),
    regular("age", ""),
    regular("allow", ""),
    regular("authorization", ""),
    regular("cache-control", ""),
    regular("content-disposition", ""),
    regular("content-encoding", ""),
    regular("content-language", ""),
    regular("content-length", ""),
    regular("content-location", ""),
    regular("content-range", ""),
    regular("content-type", ""),
    regular("cookie", ""),
    regular("date", ""),
    regular("etag", ""),
    regular("expect", ""),
    regular("expires", ""),
    regular("from", ""),
    regular("host", ""),
    regular("if-match", ""),
    regular("if-modified-since", ""),
    regular("if-none-match", ""),
    regular("if-range", ""),
    regular("if-unmodified-since", ""),
    regular("last-modified", ""),
    regular("link", ""),
    regular("location", ""),
    regular("max-forwards", ""),
    regular("proxy-authenticate", ""),
    regular("proxy-authorization", ""),
    regular("range", ""),
    regular("referer", ""),
    regular("refresh", ""),
    regular("retry-after", ""),
    regular("server", ""),
    regular("set-cookie", ""),
    regular("strict-transport-security", ""),
    regular("transfer-encoding", ""),
    regular("user-agent", ""),
    regular("vary", ""),
    regular("via", ""),
    regular("www-authenticate", ""),
];

/// The fields that a peer has put into its table, the newest first.
#[derive(Debug)]
pub(super) struct Table {
    fields: VecDeque<(Kept, usize)>,
    size: usize,
    /// Bytes that it may have now.
    limit: usize,
}

impl Table {
    pub(super) const fn new(limit: usize) -> Self {
        Self { fields: VecDeque::new(), size: 0, limit }
    }

    /// The field of that number, and what it counts.
    pub(super) fn get(&self, index: usize) -> Result<(Field<'_>, usize), Broken> {
        const NONE: Broken = Broken("a field is named that is in no table");
        match index.checked_sub(1).ok_or(NONE)? {
            shared @ 0..SHARED => {
                let field = *FIELDS.get(shared).ok_or(NONE)?;
                let value = match field {
                    Field::Pseudo(_, value) => value.len(),
                    Field::Regular(_, value) => value.len(),
                    Field::Malformed(_) => 0,
                };
                Ok((field, field.name().len() + value + OVERHEAD))
            }
            own => self.fields.get(own - SHARED).map(|(kept, size)| (kept.field(), *size)).ok_or(NONE),
        }
    }

    pub(super) fn name(&self, index: usize) -> Result<Name<'_>, Broken> {
        self.get(index).map(|(field, _)| field.name())
    }

    /// Puts a field of that size into it.
    pub(super) fn put(&mut self, field: Kept, size: usize) {
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
