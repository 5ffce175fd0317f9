//! Header fields of a model server that are no business of the gateway's clients.

use http::header::{self, HeaderMap, HeaderName};

use crate::http::{is_hop_by_hop, strip_hop_by_hop};

/// Takes out what belongs to the connection, and what tells of the server behind or speaks for the gateway's own site.
pub(crate) fn strip_private(headers: &mut HeaderMap) {
    if !headers.keys().any(|name| is_hop_by_hop(name) || is_private(name)) {
        return;
    }
    strip_hop_by_hop(headers);
    let private: Vec<HeaderName> = headers.keys().filter(|name| is_private(name)).cloned().collect();
    for name in private {
        headers.remove(name);
    }
}

/// What of an answer's fields is the model's own, where the answer itself is written anew.
pub(crate) fn models_own(mut headers: HeaderMap) -> HeaderMap {
    // Nearly always there is nothing of the kind.
    if !headers.keys().any(|name| !(is_form(name) || is_private(name) || is_hop_by_hop(name))) {
        return HeaderMap::new();
    }
    strip_private(&mut headers);
    let form: Vec<HeaderName> = headers.keys().filter(|name| is_form(name)).cloned().collect();
    for name in form {
        headers.remove(name);
    }
    headers
}

/// Whether a field is about the answer's form, or of gRPC itself.
fn is_form(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("content-")
        || name.starts_with("grpc-")
        || matches!(
            name,
            "accept-encoding"
                | "accept-ranges"
                | "allow"
                | "date"
                | "etag"
                | "inference-header-content-length"
                | "last-modified"
                | "retry-after"
                | "vary"
        )
}

fn is_private(name: &HeaderName) -> bool {
    // What nearly every answer has, first.
    if matches!(*name, header::CONTENT_TYPE | header::DATE | header::RETRY_AFTER) {
        return false;
    }
    let name = name.as_str();
    let family = ["access-control-", "x-forwarded-", "x-envoy-", "x-sluicegate-", "sluicegate-", "x-b3-", "sec-"];
    family.iter().any(|prefix| name.starts_with(prefix))
        || matches!(
            name,
            "server"
                | "via"
                | "x-powered-by"
                | "x-served-by"
                | "x-real-ip"
                | "forwarded"
                | "set-cookie"
                | "set-cookie2"
                | "www-authenticate"
                | "authorization"
                | "strict-transport-security"
                | "alt-svc"
                | "location"
                | "content-location"
                | "refresh"
                | "link"
                | "nel"
                | "report-to"
                | "server-timing"
                | "clear-site-data"
                | "x-request-id"
                | "traceparent"
                | "tracestate"
                | "b3"
        )
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::strip_private;

    #[test]
    fn only_what_describes_the_answer_is_left() {
        let mut headers = HeaderMap::new();
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
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "date", "inference-header-content-length", "retry-after", "x-model-build"]);
    }
}
