//! Who may talk to the admin plane while it has no authentication: programs on this machine that call it by a local
//! name. A web page that resolves its own name to the loopback address is refused by the name it sends.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) async fn only_local_names(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let from_page = request.headers().contains_key(header::ORIGIN);
    if is_local(host) && !from_page {
        next.run(request).await
    } else {
        (StatusCode::FORBIDDEN, "the admin listener answers only to localhost and loopback addresses\n").into_response()
    }
}

/// Whether `host`, with or without a port, is `localhost` or a loopback address.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((inside, port)) if port.is_empty() || port.starts_with(':') => inside,
            Some(_) | None => return false,
        },
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_local_hosts_pass() {
        for good in ["localhost", "LOCALHOST:9901", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:9901"] {
            assert!(is_local(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "[::1",
            "[::1]x",
            "127.0.0.1.evil",
        ] {
            assert!(!is_local(bad), "{bad}");
        }
    }
}
