//! T-05: a name in a certificate counts as what it is, in full.

use sluicegate_adapters::http::Speaks;
use sluicegate_testkit::certs::{Authority, Issued, San};

use super::peers::{Asks, Caller, Peer, identity, secured};

#[tokio::test]
async fn t05_names_match_exactly_and_by_their_type() {
    let authority = Authority::new("test");
    let dns = |name: &str| authority.issue_named(&[San::Dns(name)], "someone");
    let cases: Vec<(&str, Issued, &str, bool)> = vec![
        ("itself", dns("server.test"), "server.test", true),
        ("in capitals", dns("SERVER.test"), "server.test", true),
        ("another", dns("server.test"), "erver.test", false),
        ("longer", dns("server.test"), "server.test.evil", false),
        ("a NUL in it", dns("server.test\0.evil"), "server.test", false),
        ("any below", dns("*.models.test"), "server.models.test", true),
        ("any below, two deep", dns("*.models.test"), "a.server.models.test", false),
        ("any below, itself", dns("*.models.test"), "models.test", false),
        ("any below a whole domain", dns("*.test"), "server.test", false),
        ("any within a word", dns("ser*.models.test"), "server.models.test", false),
        ("an internationalised one", dns("xn--bcher-kva.test"), "xn--bcher-kva.test", true),
        ("an address", authority.issue(&["127.0.0.1"]), "127.0.0.1", true),
        ("another address", authority.issue(&["127.0.0.2"]), "127.0.0.1", false),
        ("an address that is a name", dns("127.0.0.1"), "127.0.0.1", false),
        ("a resource", authority.issue_named(&[San::Uri("https://server.test")], "someone"), "server.test", false),
        ("a common name", authority.issue_named(&[], "server.test"), "server.test", false),
    ];
    for (what, pair, name, good) in cases {
        let peer = Peer::start(&authority, &pair, Asks::Nobody, &["http/1.1"]).await;
        let caller = Caller::new();
        let endpoint = secured(&peer.authority, &identity(&authority, Some(name), None));
        let asked = caller.ask(&caller.origin(&endpoint, Speaks::Http1)).await;
        assert_eq!(asked.is_ok(), good, "{what}: {asked:?}");
        assert_eq!(peer.served(), usize::from(good), "{what}");
    }
}
