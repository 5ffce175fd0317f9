//! Pairs: what can be used and what cannot, in words that show nothing of what is in the files.

use std::time::{Duration, SystemTime};

use sluicegate_server::{Tls, TlsError, Validity};
use sluicegate_testkit::certs::{Authority, Issued};

fn refused(certificate: &str, key: &str) -> TlsError {
    let issued = Issued { certificate: certificate.to_owned(), key: key.to_owned() };
    Tls::new(&issued.pair()).expect_err("a bad pair")
}

/// T-08: each is refused, and says which file it is.
#[test]
fn bad_pairs_are_refused() {
    let authority = Authority::new("test");
    let (one, other) = (authority.issue(&["a"]), authority.issue(&["a"]));
    let encrypted = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let cut = &one.key[..one.key.len() / 2];
    let is_key = |error: TlsError| matches!(error, TlsError::Key(_)).then(|| error.to_string());
    for (key, words) in [
        (other.key.as_str(), "does not belong"),
        ("", "no private key"),
        (&one.certificate, "no private key"),
        (&encrypted, "encrypted"),
        (cut, "broken"),
        ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", "cannot be used"),
    ] {
        let told = is_key(refused(&one.certificate, key)).expect("the key is what is wrong");
        assert!(told.contains(words), "{words}: {told}");
    }
    let cut = &one.certificate[..one.certificate.len() / 2];
    let nonsense = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----\n";
    for (certificate, words) in
        [("", "no certificate"), (one.key.as_str(), "no certificate"), (cut, "broken"), (nonsense, "understood")]
    {
        let error = refused(certificate, &one.key);
        assert!(matches!(error, TlsError::Certificate(_)), "{words}: {error:?}");
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}

#[test]
fn dates_are_read() {
    let authority = Authority::new("test");
    let year = |year: u64| SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600);
    let tls = Tls::new(&authority.issue_between(&["a"], 2010, 2020).pair()).unwrap();
    assert_eq!(tls.validity(year(2005)), Validity::NotYet);
    assert_eq!(tls.validity(year(2015)), Validity::Valid);
    assert_eq!(tls.validity(year(2025)), Validity::Expired);

    // What stands between it and a root counts as well.
    let mut chain = authority.issue_between(&["a"], 2000, 2040);
    chain.certificate.push_str(&authority.issue_between(&["between"], 2010, 2020).certificate);
    let tls = Tls::new(&chain.pair()).unwrap();
    assert_eq!(tls.validity(year(2025)), Validity::Expired);
}

#[test]
fn nothing_of_a_pair_is_printed() {
    let issued = Authority::new("test").issue(&["a"]);
    let tls = Tls::new(&issued.pair()).unwrap();
    assert_eq!(format!("{tls:?} {:?}", tls.clone()), "Tls { .. } Tls { .. }");
    assert_eq!(tls, tls.clone());
    assert_ne!(tls, Tls::new(&issued.pair()).unwrap());
}
