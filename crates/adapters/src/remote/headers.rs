//! Header fields of a model server that are no business of the gateway's clients.

use sluicegate_core::Fields;

use crate::http::strip_hop_by_hop;

/// Takes out what belongs to the connection, and what tells of the server behind or speaks for the gateway's own site.
pub(crate) fn strip_private(headers: &mut Fields) {
    strip_hop_by_hop(headers);
    if headers.names().any(|name| is_private(name.as_bytes())) {
        headers.retain(|name, _| !is_private(name.as_bytes()));
    }
}

/// What of an answer's fields is the model's own, where the answer itself is written anew.
pub(crate) fn models_own(mut headers: Fields) -> Fields {
    // Most answers have nothing else.
    if headers.names().all(|name| is_form(name.as_bytes())) {
        return Fields::new();
    }
    strip_hop_by_hop(&mut headers);
    headers.retain(|name, _| !(is_form(name.as_bytes()) || is_private(name.as_bytes())));
    headers
}

/// Whether a field is about the answer's form, or of gRPC itself.
fn is_form(name: &[u8]) -> bool {
    name.starts_with(b"content-")
        || name.starts_with(b"grpc-")
        || matches!(
            name,
            b"accept-encoding"
                | b"accept-ranges"
                | b"allow"
                | b"date"
                | b"etag"
                | b"inference-header-content-length"
                | b"last-modified"
                | b"retry-after"
                | b"vary"
        )
}

fn is_private(name: &[u8]) -> bool {
    // What nearly every answer has, first.
    if matches!(name, b"content-type" | b"date" | b"retry-after") {
        return false;
    }
    let family = ["access-control-", "x-forwarded-", "x-envoy-", "x-sluicegate-", "sluicegate-", "x-b3-", "sec-"];
    family.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
        || matches!(
            name,
            b"server"
                | b"via"
                | b"x-powered-by"
                | b"x-served-by"
                | b"x-real-ip"
                | b"forwarded"
                | b"set-cookie"
                | b"set-cookie2"
                | b"www-authenticate"
                | b"authorization"
                | b"strict-transport-security"
                | b"alt-svc"
                | b"location"
                | b"content-location"
                | b"refresh"
                | b"link"
                | b"nel"
                | b"report-to"
                | b"server-timing"
                | b"clear-site-data"
                | b"x-request-id"
                | b"traceparent"
                | b"tracestate"
                | b"b3"
        )
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use sluicegate_core::Fields;
    use sluicegate_core::fields::Name;

    use super::strip_private;

    #[test]
    fn only_what_describes_the_answer_is_left() {
        let mut headers = Fields::new();
        for name in [
            "server",
            "set-cookie",
            "access-control-allow-origin",
            "access-control-allow-credentials",
            "x-envoy-upstream-service-time",
            "x-sluicegate-model-version",
            "location",
            "www-authenticate",
            "connection",
            "content-length",
            "via",
            "x-request-id",
            "content-type",
            "inference-header-content-length",
            "retry-after",
            "date",
            "x-model-build",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        strip_private(&mut headers);
        let mut left: Vec<&str> = headers.names().map(Name::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "date", "inference-header-content-length", "retry-after", "x-model-build"]);
    }
}
