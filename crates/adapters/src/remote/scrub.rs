//! Takes addresses out of a model server's words before a client reads them.

use std::net::{IpAddr, SocketAddr};

use sluicegate_core::Endpoint;

/// What stands in an address's place.
const HIDDEN: &str = "(address)";

/// Longest text of a server that is handed on, in bytes.
const TOLD_LIMIT: usize = 1024;

/// `text` without the endpoint's own address, without URLs, and without IP addresses.
pub(crate) fn scrub(text: &str, endpoint: &Endpoint) -> String {
    let mut text = text.to_owned();
    for authority in [&endpoint.authority].into_iter().chain(&endpoint.host) {
        let host = authority.rsplit_once(':').map_or(&**authority, |(host, _)| host);
        text = text.replace(&**authority, HIDDEN);
        // A host without a dot may as well be a common word.
        if host.contains('.') || host == "localhost" {
            text = text.replace(host, HIDDEN);
        }
    }
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let bound = is_bound(first);
        let end = rest.find(|letter| is_bound(letter) != bound).unwrap_or(rest.len());
        let (piece, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        clean.push_str(if !bound && is_address(piece) { HIDDEN } else { piece });
        rest = after;
    }
    clean
}

/// As much of `text` as is handed on.
pub(crate) fn shorten(text: &str) -> &str {
    let end = (0..=TOLD_LIMIT.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

/// Whether words end at `letter`.
fn is_bound(letter: char) -> bool {
    letter.is_whitespace() || "\"'`<>(){},;=|".contains(letter)
}

fn is_address(word: &str) -> bool {
    if word.contains("://") || word.contains(":\\/\\/") {
        return true;
    }
    let word = word.split(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(word);
    let word = word.rsplit('@').next().unwrap_or(word);
    let bare = word.trim_end_matches(['.', ':', '!', '?']);
    let inner = bare.trim_start_matches('[').trim_end_matches(']');
    let parses = |text: &str| text.parse::<SocketAddr>().is_ok() || text.parse::<IpAddr>().is_ok();
    parses(bare) || parses(inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sluicegate_core::Endpoint;

    use super::{scrub, shorten};

    #[test]
    fn addresses_go_and_words_stay() {
        let endpoint =
            Endpoint { authority: Arc::from("triton.internal:8000"), prefix: Arc::from(""), host: None, tls: None };
        for (told, clean) in [
            ("failed to connect to 10.0.0.5:9000.", "failed to connect to (address)"),
            ("see http://10.1.2.3/v2 for more", "see (address) for more"),
            (r#"{"error":"see http:\/\/a.b\/c"}"#, r#"{"error":"see (address)"}"#),
            (r#"{"error":"peer [::1]:80 gone"}"#, r#"{"error":"peer (address) gone"}"#),
            ("host=192.168.0.1, port=80", "host=(address), port=80"),
            ("triton.internal:8000 and triton.internal", "(address) and (address)"),
            ("user@10.0.0.1/path", "(address)"),
            (
                "unexpected shape for input 'x': expected [-1,4], got [1,5]",
                "unexpected shape for input 'x': expected [-1,4], got [1,5]",
            ),
            ("version 2.49.0 of model m/1 takes 1.5 s", "version 2.49.0 of model m/1 takes 1.5 s"),
            ("", ""),
        ] {
            assert_eq!(scrub(told, &endpoint), clean);
        }
    }

    #[test]
    fn texts_are_cut_between_letters() {
        let text = format!("{}é{}", "a".repeat(1023), "b".repeat(100));
        assert_eq!(shorten(&text), "a".repeat(1023));
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(""), "");
    }
}
