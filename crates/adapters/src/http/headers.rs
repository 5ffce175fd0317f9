//! Header fields that belong to one connection, and never travel further (RFC 9110, section 7.6.1).

use http::header::{self, HeaderMap, HeaderName};

/// Takes out the fields that belong to one connection, those that its `connection` field names, and the framing, which
/// is made anew from the body.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // A `connection` field is one of them: without any, nothing is named either.
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let mut named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .collect();
    named.extend(headers.keys().filter(|name| is_hop_by_hop(name)).cloned());
    for name in named {
        headers.remove(name);
    }
}

/// Whether a field belongs to one connection, or to its framing.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    match *name {
        header::CONNECTION
        | header::TE
        | header::TRAILER
        | header::TRANSFER_ENCODING
        | header::UPGRADE
        | header::CONTENT_LENGTH
        | header::EXPECT
        | header::HOST
        | header::PROXY_AUTHENTICATE
        | header::PROXY_AUTHORIZATION => true,
        _ => {
            let name = name.as_str();
            matches!(name, "keep-alive" | "http2-settings") || name.starts_with("proxy-")
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::strip_hop_by_hop;

    #[test]
    fn connection_fields_and_what_they_name_are_taken_out() {
        let mut headers = HeaderMap::new();
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
