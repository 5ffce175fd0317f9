//! The time of day that a server gives with its answers (RFC 9110, section 6.6.1). Must not know what time it is.

use sluicegate_core::Fields;
use std::time::SystemTime;

use http::header::DATE;
use jiff::fmt::rfc2822::DateTimeParser;

/// When an answer was made, by the server's clock; `None` where it does not say.
pub(crate) fn date(headers: &Fields) -> Option<SystemTime> {
    // Its form is that of mail, always in GMT.
    let stamp = DateTimeParser::new().parse_timestamp(headers.get(DATE)?.as_bytes()).ok()?;
    Some(SystemTime::from(stamp))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::HeaderValue;
    use sluicegate_core::Fields;

    #[test]
    fn the_form_of_http_is_read_and_no_other() {
        let of = |text: &'static str| super::date(&Fields::from_iter([(super::DATE, HeaderValue::from_static(text))]));
        let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(moment));
        assert_eq!(of("yesterday"), None);
        assert_eq!(super::date(&Fields::new()), None);
    }
}
