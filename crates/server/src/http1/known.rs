//! What the last request's head was read and checked as, for a client that sends the same one again.

use bytes::{Bytes, BytesMut};
use http::Uri;
use http::uri::PathAndQuery;
use sluicegate_core::RequestHead;
use sluicegate_core::http1::LastHead;

use super::Request;
use super::parse::Framing;

/// The head that came last over a connection.
#[derive(Debug, Default)]
pub(super) struct Known {
    last: LastHead,
    kept: Option<Box<Kept>>,
}

/// What it was read as, less its text.
#[derive(Debug)]
struct Kept {
    head: RequestHead,
    framing: Framing,
    expects: bool,
}

impl Known {
    /// The request whose head `input` begins with, where it is the one that was kept.
    pub(super) fn again(&mut self, input: &mut BytesMut) -> Option<Request> {
        let kept = self.kept.as_deref()?;
        let (text, length) = self.last.again(input)?;
        let RequestHead { method, uri, version, headers, .. } = &kept.head;
        let head = RequestHead::new(method.clone(), uri.clone(), *version);
        let head = Box::new(RequestHead { headers: headers.in_text(text), ..head });
        let framing = length.map_or(kept.framing, Framing::of);
        Some(Request { head, framing, keep_alive: true, expects: kept.expects, checked: true })
    }

    /// To be told what came, before it is read as a head that is not known.
    pub(super) fn note(&mut self, input: &[u8]) {
        self.kept = None;
        self.last.note(input);
    }

    /// To be told what it was read as, once that was checked.
    pub(super) fn keep(&mut self, head: &RequestHead, framing: Framing, expects: bool) {
        if !self.last.keep(head.headers.received()) {
            return;
        }
        // Of its own: what was received makes room for what comes.
        let Some(uri) = head.uri.path_and_query().map(PathAndQuery::as_str).and_then(|path| Uri::try_from(path).ok())
        else {
            return;
        };
        let headers = head.headers.in_text(Bytes::new());
        let head = RequestHead { headers, ..RequestHead::new(head.method.clone(), uri, head.version) };
        self.kept = Some(Box::new(Kept { head, framing, expects }));
    }
}
