//! Tokens of callers: a text is refused, or has one meaning, which another reader sees too.
//!
//! A corpus file is a token whose header and claims are written out: lines of header, claims and signature, which are encoded
//! before they are read; or, without lines, the text itself.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sluicegate_adapters::identity::oidc::{LONGEST, Text};

/// Reads one token and checks what must hold of it.
pub fn run(data: &[u8]) {
    let parts: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let text = match parts.as_slice() {
        [header, claims, signature] => [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join("."),
        _ => match std::str::from_utf8(data) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    let Ok(token) = Text::parse(&text) else { return };
    assert!(text.len() <= LONGEST && text.is_ascii());
    let parts: Vec<&str> = text.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { panic!("a token has three parts") };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let header = read(header);
    let text_of = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    assert_eq!(text_of(&header, "alg").as_deref(), Some(token.algorithm().as_str()));
    assert!(text_of(&header, "kid").is_some() && header.get("crit").is_none());
    assert_eq!(read(claims), Value::Object(token.claims().clone()));
    assert_eq!(token.issuer(), text_of(&read(claims), "iss").as_deref());
    // One text for each token: nothing else of the same bytes is taken, and nothing is printed.
    assert!(!URL_SAFE_NO_PAD.decode(signature).unwrap().is_empty());
    for other in [format!("{text}="), format!("{text}."), format!(" {text}"), format!("{text}\n")] {
        assert!(Text::parse(&other).is_err());
    }
    assert!(signature.len() < 16 || !format!("{token:?}").contains(signature));
}
