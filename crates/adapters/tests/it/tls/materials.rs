//! Files of an identity: what cannot be used is refused before anything is built of it, with the place of the file.

use sluicegate_adapters::http::check_tls;
use sluicegate_core::{Endpoint, KeyPair};
use sluicegate_testkit::certs::{Authority, Issued, pem};

use super::peers::{identity, made, secured};
use crate::support::endpoint;

#[test]
fn bad_files_are_refused_in_words_that_show_nothing_of_them() {
    let authority = Authority::new("test");
    let (own, other) = (authority.issue(&["a"]), authority.issue(&["a"]));
    let pair = |certificate: &str, key: &str| KeyPair { certificate: pem(certificate), key: pem(key) };
    let nonsense = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
    for (identity, words) in [
        (made(Some(pem("")), None, None), "no certificate"),
        (made(Some(pem(nonsense)), None, None), "cannot be a root"),
        (made(Some(pem(&own.key)), None, None), "no certificate"),
        (made(None, None, Some(pair(&own.certificate, &other.key))), "does not belong"),
        (made(None, None, Some(pair(&own.certificate, ""))), "no private key"),
        (made(None, None, Some(pair(&own.certificate, own.key.get(..60).unwrap_or_default()))), "broken"),
        (made(None, None, Some(pair("", &own.key))), "no certificate"),
    ] {
        let error = check_tls(&secured("a:1", &identity)).unwrap_err();
        assert!(error.message.contains(words), "{words}: {error}");
        assert!(!error.message.contains("c2Vj"), "{error}");
    }
    let error = check_tls(&secured("a_:1", &identity(&authority, Some("two words"), None))).unwrap_err();
    assert!(error.message.contains("`name`"), "{error}");
}

#[test]
fn good_ones_are_not() {
    let authority = Authority::new("test");
    let own: Issued = authority.issue(&["a"]);
    let plain: Endpoint = endpoint("a:1");
    check_tls(&plain).unwrap();
    for host in ["a:1", "a_b.svc.:443", "[::1]:443", "10.0.0.1:443"] {
        check_tls(&secured(host, &identity(&authority, None, Some(&own)))).unwrap();
    }
}
