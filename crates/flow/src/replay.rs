//! A request's body that can be sent once more: what of it has passed is kept, as long as it is little. Of a body that was
//! larger nothing is kept, and it is sent once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;
use sluicegate_core::{Body, BodyError};

/// Most bytes that are kept.
const MOST: usize = 64 * 1024;

/// A body that is sent, and perhaps once more.
#[derive(Clone)]
pub(crate) struct Replay(Arc<Mutex<Kept>>);

struct Kept {
    source: Body,
    passed: Vec<Bytes>,
    bytes: usize,
    /// Which sending may read on; those before it are over.
    sending: usize,
    whole: bool,
}

/// One sending.
struct Sending {
    replay: Replay,
    number: usize,
    next: usize,
}

impl Replay {
    pub(crate) fn of(source: Body) -> Self {
        Self(Arc::new(Mutex::new(Kept { source, passed: Vec::new(), bytes: 0, sending: 0, whole: true })))
    }

    /// The body from its start; `None` where more of it has passed than is kept. A sending that is under way ends.
    pub(crate) fn send(&self) -> Option<Body> {
        let mut kept = self.0.lock();
        if !kept.whole {
            return None;
        }
        kept.sending += 1;
        let number = kept.sending;
        drop(kept);
        Some(Body::stream(Sending { replay: self.clone(), number, next: 0 }))
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let mut kept = this.replay.0.lock();
        if kept.sending != this.number {
            return Poll::Ready(Some(Err(BodyError::Broken("the request is sent anew".to_owned()))));
        }
        if let Some(passed) = kept.passed.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(passed.clone()))));
        }
        let frame = ready!(Pin::new(&mut kept.source).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            kept.bytes = kept.bytes.saturating_add(data.len());
            if kept.bytes > MOST {
                kept.whole = false;
                kept.passed = Vec::new();
            } else if kept.whole {
                kept.passed.push(data.clone());
            }
            this.next = kept.passed.len();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let kept = self.replay.0.lock();
        self.next >= kept.passed.len() && kept.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let kept = self.replay.0.lock();
        let left = kept.source.size_hint();
        let passed: u64 = kept.passed.iter().skip(self.next).map(|data| data.len() as u64).sum();
        let mut hint = SizeHint::new();
        hint.set_lower(left.lower().saturating_add(passed));
        if let Some(upper) = left.upper() {
            hint.set_upper(upper.saturating_add(passed));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{BodyExt as _, StreamBody};
    use sluicegate_core::{Body, BodyError};

    use super::{MOST, Replay};

    fn pieces(sizes: &[usize]) -> Body {
        let frames: Vec<Result<Frame<Bytes>, BodyError>> =
            sizes.iter().map(|size| Ok(Frame::data(Bytes::from(vec![7; *size])))).collect();
        Body::stream(StreamBody::new(stream::iter(frames)))
    }

    #[tokio::test]
    async fn what_passed_is_sent_again_and_the_rest_behind_it() {
        let replay = Replay::of(pieces(&[10, 20, 30]));
        let mut first = replay.send().unwrap();
        first.frame().await.unwrap().unwrap();
        let second = replay.send().unwrap();
        assert!(first.frame().await.unwrap().is_err(), "one sending at a time");
        assert_eq!(second.collect().await.unwrap().to_bytes().len(), 60);
    }

    #[tokio::test]
    async fn of_a_large_body_nothing_is_kept() {
        let replay = Replay::of(pieces(&[MOST, 1, 5]));
        let mut first = replay.send().unwrap();
        first.frame().await.unwrap().unwrap();
        first.frame().await.unwrap().unwrap();
        assert!(replay.send().is_none());
        assert_eq!(first.collect().await.unwrap().to_bytes().len(), 5, "it goes on all the same");
    }
}
