//! Header fields that belong to one connection, and never travel further (RFC 9110, section 7.6.1).

use sluicegate_core::Fields;

/// Takes out the fields that belong to one connection, those that its `connection` field names, and the framing, which
/// is made anew from the body.
pub fn strip_hop_by_hop(headers: &mut Fields) {
    // A `connection` field is one of them: without any, nothing is named either.
    if !headers.names().any(|name| is_hop_by_hop(name.as_bytes())) {
        return;
    }
    let named: Vec<Vec<u8>> = headers
        .get_all("connection")
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .collect();
    headers.retain(|name, _| {
        let name = name.as_bytes();
        !is_hop_by_hop(name) && !named.iter().any(|other| other == name)
    });
}

/// Whether a field belongs to one connection, or to its framing.
pub(crate) fn is_hop_by_hop(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
            | b"content-length"
            | b"expect"
            | b"host"
            | b"keep-alive"
            | b"http2-settings"
    ) || name.first_chunk() == Some(b"proxy-")
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use sluicegate_core::Fields;

    use super::strip_hop_by_hop;

    #[test]
    fn connection_fields_and_what_they_name_are_taken_out() {
        let mut headers = Fields::new();
        for (name, value) in [
            ("connection", "close, X-Secret-Hop"),
            ("connection", "x-other"),
            ("x-secret-hop", "1"),
            ("x-other", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "5"),
            ("proxy-authenticate", "basic"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "h2c"),
            ("te", "trailers"),
            ("trailer", "x"),
            ("content-type", "application/json"),
            ("x-kept", "1"),
            ("x-kept", "2"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let left: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(left, [("content-type", &b"application/json"[..]), ("x-kept", b"1"), ("x-kept", b"2")]);
    }
}
