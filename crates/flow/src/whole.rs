//! A body taken as a whole.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http_body::Body as HttpBody;
use sluicegate_core::{Body, BodyError};

/// Memory set aside at once for a body whose sender announced its length; more is added as bytes arrive.
const FIRST_RESERVE: u64 = 256 * 1024;

/// All of `body` in one piece, at most `limit` bytes. A body that comes in one piece is not copied.
pub(crate) async fn collect(mut body: Body, limit: u64) -> Result<Bytes, BodyError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut length = 0_u64;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        length = length.saturating_add(data.len() as u64);
        if length > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if first.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            let announced = body.size_hint().lower().min(FIRST_RESERVE);
            rest.reserve(first.len() + data.len() + usize::try_from(announced).unwrap_or(0));
            rest.extend_from_slice(&first);
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
