//! Addresses of backends: `http://host[:port][/prefix]`, or the same with `grpc://` where the protocol runs over gRPC;
//! over TLS `https://` and `grpcs://`.

use std::net::Ipv6Addr;
use std::sync::Arc;

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// `host:port`.
    pub(crate) authority: Arc<str>,
    /// A path without a slash at its end; mostly empty.
    pub(crate) prefix: Arc<str>,
    /// Whether it is reached over TLS.
    pub(crate) secure: bool,
    /// Whether it says by its scheme that gRPC is spoken there.
    pub(crate) grpc: bool,
}

/// Why an address cannot be used: what is wrong, and what to write instead. Neither repeats the address, which may hold
/// a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wrong(pub(crate) &'static str, pub(crate) &'static str);

/// A scheme of the design that this build does not speak.
const LATER: &str = "unix";

/// The schemes spoken: whether over TLS, and whether gRPC.
const SCHEMES: [(&str, bool, bool); 4] =
    [("http", false, false), ("https", true, false), ("grpc", false, true), ("grpcs", true, true)];

/// What to write instead of another scheme.
const SPOKEN: &str = "write `http://` or `https://`, or `grpc://` or `grpcs://` where the protocol runs over gRPC";

/// Reads an address.
pub(crate) fn address(text: &str) -> Result<Address, Wrong> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Wrong("is no address", "write `http://` before the host"));
    };
    if scheme == "dns" {
        return Err(Wrong("has the scheme of a name to be looked up", "write `{ dns: \"http://host:port\" }`"));
    }
    if scheme == LATER {
        return Err(Wrong("has a scheme that is not in this build", SPOKEN));
    }
    let Some((_, secure, grpc)) = SCHEMES.into_iter().find(|(known, ..)| *known == scheme) else {
        return Err(Wrong("has a scheme that is not known", SPOKEN));
    };
    if rest.contains(['?', '#']) {
        return Err(Wrong("has a query or fragment", "end it with the host, the port or a path"));
    }
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    if authority.contains('@') {
        return Err(Wrong("holds a user or password", "leave it out: credentials are not in this build"));
    }
    let implied = if secure { 443 } else { 80 };
    Ok(Address { authority: host_and_port(authority, implied)?.into(), prefix: prefix(path)?.into(), secure, grpc })
}

/// Whether an address says a port, rather than leaving it to its scheme.
pub(crate) fn has_port(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit(']').next().unwrap_or(authority).contains(':')
}

/// Whether `text` is the name of a host.
pub(crate) fn is_name(text: &str) -> bool {
    !text.starts_with('[') && is_host(text)
}

/// `host:port`, with the port that the scheme implies where none is written.
fn host_and_port(authority: &str, implied: u16) -> Result<String, Wrong> {
    let split = match authority.rsplit_once(']') {
        Some((host, port)) => (format!("{host}]"), port),
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, port) = authority.split_at_checked(end).unwrap_or((authority, ""));
            (host.to_ascii_lowercase(), port)
        }
    };
    let (host, port) = split;
    if !is_host(&host) {
        return Err(Wrong("has no valid host", "write `http://host:port`, IPv6 as `http://[::1]:port`"));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => implied,
        Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse::<u16>().unwrap_or(0),
        Some(_) | None => 0,
    };
    if port == 0 {
        return Err(Wrong("has no valid port", "write a port from 1 to 65535"));
    }
    Ok(format!("{host}:{port}"))
}

fn is_host(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label)
}

/// The path, less the slash at its end.
fn prefix(path: &str) -> Result<&str, Wrong> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&letter);
    let odd = |segment: &str| matches!(segment, "" | "." | "..");
    if path.len() > 1024 || !path.bytes().all(plain) || path.split('/').skip(1).any(odd) {
        return Err(Wrong("has a path that is not plain", "write a path such as `/prefix`"));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn good() {
        for (text, authority, prefix) in [
            ("http://10.0.0.9:8080", "10.0.0.9:8080", ""),
            ("http://Example.com", "example.com:80", ""),
            ("http://triton/", "triton:80", ""),
            ("http://[::1]:8000/a/b/", "[::1]:8000", "/a/b"),
            ("http://a_b.svc.:1", "a_b.svc.:1", ""),
            ("grpc://triton:8001", "triton:8001", ""),
            ("https://Example.com/a", "example.com:443", "/a"),
            ("https://[::1]", "[::1]:443", ""),
            ("grpcs://triton", "triton:443", ""),
        ] {
            let address = address(text).unwrap();
            assert_eq!((&*address.authority, &*address.prefix), (authority, prefix), "{text}");
            assert_eq!(address.secure, text.starts_with("https:") || text.starts_with("grpcs:"), "{text}");
            assert_eq!(address.grpc, text.starts_with("grpc"), "{text}");
        }
    }

    #[test]
    fn bad() {
        for text in [
            "",
            "10.0.0.9:8080",
            "http://",
            "http:///x",
            "HTTPS://a",
            "unix:///a",
            "GRPC://a:1",
            "ftp://a",
            "http://user:secret@host",
            "http://host:0",
            "http://host:65536",
            "http://host:+80",
            "http://host:",
            "http://host:80:80",
            "http://[::1",
            "http://[::1]80",
            "http://[host]:80",
            "http://::1:80",
            "http://host/?a",
            "http://host/#a",
            "http://host/../a",
            "http://host//",
            "http://host/a b",
            "http://host/%2e",
            "http://ho st",
            "http://-a",
            "http://a..b",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
