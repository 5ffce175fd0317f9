//! T-10: what was opened as one is never used for another.

use std::collections::BTreeSet;

use sluicegate_adapters::http::Speaks;
use sluicegate_testkit::certs::{Authority, pem};

use super::peers::{Asks, Caller, Peer, certificate, identity, made, secured, seen};

#[tokio::test]
async fn t10_connections_are_never_shared_between_identities() {
    let authority = Authority::new("test");
    let other = Authority::new("other");
    let pair = authority.issue(&["127.0.0.1", "alias.test"]);
    let (first, second) = (authority.issue(&["first"]), authority.issue(&["second"]));
    let wider = pem(&format!("{}{}", authority.pem(), other.pem()));
    let shown = |issued: &sluicegate_testkit::certs::Issued| seen(Some(&certificate(&issued.certificate)));
    // The same address, and each differs from the one before in one thing.
    let identities = [
        (identity(&authority, None, None), "nobody".to_owned()),
        (identity(&authority, None, Some(&first)), shown(&first)),
        (identity(&authority, None, Some(&second)), shown(&second)),
        (identity(&authority, Some("alias.test"), Some(&second)), shown(&second)),
        (made(Some(wider), Some("alias.test"), Some(second.pair())), shown(&second)),
    ];
    for speaks in [Speaks::Http1, Speaks::Http2] {
        let peer = Peer::start(&authority, &pair, Asks::WhoWill, &["h2", "http/1.1"]).await;
        let caller = Caller::new();
        let mut connections = vec![BTreeSet::new(); identities.len()];
        for _ in 0..3 {
            for ((identity, who), used) in identities.iter().zip(&mut connections) {
                // Asked for anew each time, as a reload does.
                let origin = caller.origin(&secured(&peer.authority, identity), speaks);
                let answer = caller.ask(&origin).await.unwrap();
                let (connection, seen) = answer.split_once(' ').unwrap();
                assert_eq!(seen, who, "{speaks:?}");
                used.insert(connection.to_owned());
            }
        }
        for used in &connections {
            assert_eq!(used.len(), 1, "{speaks:?}: each keeps its own connection");
        }
        let all: BTreeSet<_> = connections.iter().flatten().collect();
        assert_eq!(all.len(), identities.len(), "{speaks:?}: and none has that of another");
    }
}

#[tokio::test]
async fn equal_identities_share_connections() {
    let authority = Authority::new("test");
    let peer = Peer::start(&authority, &authority.issue(&["127.0.0.1"]), Asks::Nobody, &["h2", "http/1.1"]).await;
    let caller = Caller::new();
    for speaks in [Speaks::Http1, Speaks::Http2] {
        // Two objects, as two generations have them.
        let one = caller.origin(&secured(&peer.authority, &identity(&authority, None, None)), speaks);
        let again = caller.origin(&secured(&peer.authority, &identity(&authority, None, None)), speaks);
        assert_eq!(caller.ask(&one).await.unwrap(), caller.ask(&again).await.unwrap(), "the same connection");
    }
}
