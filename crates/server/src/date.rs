//! The time of day as answers carry it (RFC 9110, section 6.6.1), written once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use httpdate::HttpDate;
use tokio::time::Instant;

thread_local! {
    static NOW: RefCell<Option<Written>> = const { RefCell::new(None) };
}

/// The date, and until when it is right.
struct Written {
    text: HeaderValue,
    until: Instant,
}

/// Hands the date at `now`, which is now, to `use_it` in its one form.
pub(crate) fn with<T>(now: Instant, use_it: impl FnOnce(&[u8]) -> T) -> T {
    at(now, |date| use_it(date.as_bytes()))
}

/// The date now as a field's value.
pub(crate) fn value() -> HeaderValue {
    at(Instant::now(), HeaderValue::clone)
}

fn at<T>(now: Instant, use_it: impl FnOnce(&HeaderValue) -> T) -> T {
    NOW.with_borrow_mut(|written| match written {
        Some(written) if now < written.until => use_it(&written.text),
        _ => use_it(&written.insert(write(now)).text),
    })
}

#[expect(clippy::disallowed_methods, reason = "the date is for clients; nothing here is decided by it")]
fn write(now: Instant) -> Written {
    let wall = SystemTime::now();
    let into_second = wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    let left = Duration::from_secs(1).saturating_sub(Duration::from_nanos(u64::from(into_second)));
    let text = HeaderValue::try_from(HttpDate::from(wall).to_string());
    Written { text: text.unwrap_or_else(|_| HeaderValue::from_static("")), until: now + left }
}
