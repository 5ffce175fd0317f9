//! What the last request's head was read and checked as, for a client that sends the same one again. Connections of one thread
//! over which the same head came share what is known of it: it is one place in memory, however many they are.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use http::Uri;
use http::uri::PathAndQuery;
use sluicegate_core::RequestHead;
use sluicegate_core::http1::{GIVEN_UP, LastHead};

use super::Request;
use super::parse::Framing;

/// Heads that a thread looks among for one to share.
const RECENT: usize = 16;

thread_local! {
    /// Those that connections kept last. A head that no connection keeps is gone: it may hold a credential.
    static KEPT: RefCell<Vec<Weak<Kept>>> = const { RefCell::new(Vec::new()) };
}

/// The head that came last over a connection.
#[derive(Debug, Default)]
pub(super) struct Known {
    kept: Option<Arc<Kept>>,
    /// One that is being read.
    noted: Option<Box<LastHead>>,
    /// Heads in a row that were not known again.
    missed: u8,
}

/// What it was read as.
#[derive(Debug)]
struct Kept {
    last: LastHead,
    /// Less its text.
    head: RequestHead,
    framing: Framing,
    expects: bool,
}

impl Known {
    /// The request whose head `input` begins with, where it is the one that was kept.
    pub(super) fn again(&mut self, input: &mut BytesMut) -> Option<Request> {
        let kept = self.kept.as_deref()?;
        let (text, length) = kept.last.take(input)?;
        self.missed = 0;
        let RequestHead { method, uri, version, headers, .. } = &kept.head;
        let head = RequestHead::new(method.clone(), uri.clone(), *version);
        let head = Box::new(RequestHead { headers: headers.in_text(text), ..head });
        let framing = length.map_or(kept.framing, Framing::of);
        Some(Request { head, framing, keep_alive: true, expects: kept.expects, checked: true })
    }

    /// To be told what came, before it is read as a head that is not known.
    pub(super) fn note(&mut self, input: &[u8]) {
        self.kept = None;
        self.noted = (self.missed < GIVEN_UP).then(|| {
            self.missed += 1;
            let mut last = LastHead::default();
            last.note(input);
            Box::new(last)
        });
    }

    /// To be told what it was read as, once that was checked.
    pub(super) fn keep(&mut self, head: &RequestHead, framing: Framing, expects: bool) {
        let Some(mut last) = self.noted.take() else { return };
        if !last.keep(head.headers.received()) {
            return;
        }
        // Of its own: what was received makes room for what comes.
        let Some(uri) = head.uri.path_and_query().map(PathAndQuery::as_str).and_then(|path| Uri::try_from(path).ok())
        else {
            return;
        };
        let headers = head.headers.in_text(Bytes::new());
        let head = RequestHead { headers, ..RequestHead::new(head.method.clone(), uri, head.version) };
        self.kept = Some(Kept { last: *last, head, framing, expects }.shared());
    }
}

impl Kept {
    /// The same, from another connection where one has it.
    fn shared(self) -> Arc<Self> {
        KEPT.with_borrow_mut(|recent| {
            recent.retain(|kept| kept.strong_count() > 0);
            if let Some(same) = recent.iter().filter_map(Weak::upgrade).find(|kept| kept.is(&self)) {
                return same;
            }
            let kept = Arc::new(self);
            if recent.len() >= RECENT {
                recent.remove(0);
            }
            recent.push(Arc::downgrade(&kept));
            kept
        })
    }

    /// Whether `other` was read from the same bytes as the same.
    fn is(&self, other: &Self) -> bool {
        let (one, two) = (&self.head, &other.head);
        self.last == other.last
            && (self.framing, self.expects) == (other.framing, other.expects)
            && (&one.method, &one.uri, one.version) == (&two.method, &two.uri, two.version)
            && one.headers.stand_as(&two.headers)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::{Bytes, BytesMut};
    use sluicegate_core::{Fields, RequestHead};

    use super::{KEPT, Known, RECENT};
    use crate::http1::parse::Framing;

    fn head(path: &str, value: &str) -> (String, RequestHead) {
        let text = format!("GET {path} HTTP/1.1\r\nhost: {value}\r\n\r\n");
        let at = text.find("host").unwrap();
        let mut headers = Fields::new();
        headers.push_received(b"host", (at, 4), (at + 6, value.len()));
        headers.stand_in(Bytes::from(text.clone()));
        let head = RequestHead::new(http::Method::GET, path.parse().unwrap(), http::Version::HTTP_11);
        (text, RequestHead { headers, ..head })
    }

    fn after(path: &str, value: &str) -> Known {
        let (text, head) = head(path, value);
        let mut known = Known::default();
        known.note(text.as_bytes());
        known.keep(&head, Framing::None, false);
        known
    }

    #[test]
    fn connections_share_what_is_the_same_and_nothing_else() {
        let (one, same, other) = (after("/a", "x"), after("/a", "x"), after("/a", "y"));
        let kept = |known: &Known| Arc::clone(known.kept.as_ref().unwrap());
        assert!(Arc::ptr_eq(&kept(&one), &kept(&same)));
        assert!(!Arc::ptr_eq(&kept(&one), &kept(&other)));
        // Read from the same bytes, but as something else.
        let (text, head) = head("/a", "x");
        let mut known = Known::default();
        known.note(text.as_bytes());
        known.keep(&head, Framing::Chunked, false);
        assert!(!Arc::ptr_eq(&kept(&one), &kept(&known)));
        for mut known in [one, same] {
            let request = known.again(&mut BytesMut::from(text.as_bytes())).unwrap();
            assert_eq!(request.head.headers.get("host").unwrap().as_str(), Some("x"));
        }
    }

    #[test]
    fn what_no_connection_keeps_is_gone_and_what_is_looked_among_is_bounded() {
        drop(after("/gone", "x"));
        let open: Vec<Known> = (0..3 * RECENT).map(|each| after("/a", &each.to_string())).collect();
        KEPT.with_borrow(|recent| {
            assert_eq!(recent.len(), RECENT);
            assert!(recent.iter().all(|kept| kept.strong_count() == 1));
        });
        drop(open);
        let _last = after("/a", "x");
        KEPT.with_borrow(|recent| assert_eq!(recent.len(), 1));
    }
}
