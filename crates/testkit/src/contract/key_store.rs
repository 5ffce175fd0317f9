//! The contract of `core::KeyStore`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluicegate_core::{
    Cause, Change, Deed, Digest, Grant, KeyRow, KeyState, KeyStore, Mark, NewKey, Reading, Rotated, Rotation,
    StoreError,
};

use crate::waiting::within;

/// What a statement made of text would not survive.
const CUNNING: &str = "'; DROP TABLE keys; --\" \\ \u{0} ü";

/// Runs the whole contract on a store that is empty.
///
/// # Panics
/// A part of it is broken: the message names it.
pub async fn key_store(store: Arc<dyn KeyStore>) {
    let contract = Contract { store };
    contract.begins_empty().await;
    contract.keeps_the_first_pepper().await;
    contract.keeps_what_it_is_given().await;
    contract.refuses_a_name_that_is_taken().await;
    contract.rotates_with_overlap().await;
    contract.does_not_rotate_what_is_over().await;
    contract.revokes_all_secrets_of_a_key().await;
    contract.gives_changes_in_order_and_in_parts().await;
}

struct Contract {
    store: Arc<dyn KeyStore>,
}

impl Contract {
    async fn begins_empty(&self) {
        let reading = self.read().await;
        assert!(reading.keys.is_empty() && reading.unreadable == 0, "key store contract: the store is not empty");
        assert_eq!(self.revision().await, reading.revision.number, "key store contract: looked at, nothing changes");
        assert!(self.changes(0, 10).await.is_empty(), "key store contract: nothing was changed yet");
    }

    async fn keeps_the_first_pepper(&self) {
        let pepper = async |offered: Option<u8>| {
            let offered = offered.map(|byte| Mark([byte; 32]));
            within("key store contract: a pepper", self.store.pepper(offered)).await
        };
        assert_eq!(pepper(None).await, Ok(None), "key store contract: no pepper is known");
        assert_eq!(pepper(Some(1)).await, Ok(Some(Mark([1; 32]))), "key store contract: the first pepper is kept");
        assert_eq!(pepper(Some(2)).await, Ok(Some(Mark([1; 32]))), "key store contract: another one is not");
        let told = self.read().await.pepper;
        assert_eq!(told, Some(Mark([1; 32])), "key store contract: it is told with the keys");
    }

    async fn keeps_what_it_is_given(&self) {
        let before = self.revision().await;
        let key = NewKey { expires: Some(at(9_000)), ..key('a', "cunning") };
        let grant = Grant { models: Some(vec![CUNNING.to_owned()]), groups: vec![CUNNING.to_owned()], ..key.grant };
        let key = NewKey { grant, ..key };
        let cause = Cause { author: CUNNING.to_owned(), reason: Some(CUNNING.to_owned()), ..cause(1) };
        assert_eq!(self.create(key.clone(), cause.clone()).await, Ok(()), "key store contract: a key is taken");
        let reading = self.read().await;
        assert!(reading.revision.number > before, "key store contract: a change raises the revision");
        let expected = KeyRow {
            id: key.id,
            grant: key.grant,
            digest: key.digest,
            created: at(1),
            expires: Some(at(9_000)),
            revoked: None,
            rotated: None,
            author: CUNNING.to_owned(),
        };
        assert_eq!(reading.keys, [expected], "key store contract: what comes back is what was given");
        let changes = self.changes(0, 10).await;
        let [change] = changes.as_slice() else { panic!("key store contract: one change: {changes:?}") };
        assert_eq!((change.deed, &change.cause), (Deed::Create, &cause), "key store contract: who, what, when and why");
        assert_eq!((&*change.name, &change.before), ("cunning", &None), "key store contract: of what");
    }

    async fn refuses_a_name_that_is_taken(&self) {
        let (revision, changes) = (self.revision().await, self.changes(0, 100).await.len());
        let refused = self.create(key('b', "cunning"), cause(2)).await;
        assert_eq!(refused, Err(StoreError::Taken("cunning".to_owned())), "key store contract: one key a name");
        assert_eq!(self.revision().await, revision, "key store contract: what is refused changes nothing");
        assert_eq!(self.changes(0, 100).await.len(), changes, "key store contract: what is refused is no change");
    }

    async fn rotates_with_overlap(&self) {
        let first = NewKey { expires: Some(at(50_000)), ..key('c', "turning") };
        assert_eq!(self.create(first.clone(), cause(100)).await, Ok(()), "key store contract: a key to rotate");
        let second = good("key store contract: it is rotated", self.rotate('d', "turning", 1_000, 5_000).await);
        assert_eq!(second.grant, first.grant, "key store contract: another secret, the same key");
        assert_eq!(second.expires, Some(at(50_000)), "key store contract: and the same end");
        assert_eq!(self.states("turning", 4_999).await, [('c', KeyState::Overlapping), ('d', KeyState::Live)]);
        assert_eq!(self.states("turning", 5_000).await, [('c', KeyState::Replaced), ('d', KeyState::Live)]);
        good("key store contract: it is rotated again", self.rotate('e', "turning", 2_000, 8_000).await);
        let states = self.states("turning", 2_000).await;
        let expected = [('c', KeyState::Replaced), ('d', KeyState::Overlapping), ('e', KeyState::Live)];
        assert_eq!(states, expected, "key store contract: at most two secrets are accepted");
        let kept = self.read().await.keys.into_iter().find(|row| row.id == id('d'));
        let rotated = kept.and_then(|row| row.rotated);
        assert_eq!(rotated, Some(Rotated { to: id('e'), until: at(8_000) }), "key store contract: what took its place");
    }

    async fn does_not_rotate_what_is_over(&self) {
        let missing = self.rotate('f', "missing", 1, 2).await;
        assert_eq!(missing, Err(StoreError::NoSuch("missing".to_owned())), "key store contract: no such key");
        let late = self.rotate('f', "turning", 50_000, 60_000).await;
        assert_eq!(late, Err(StoreError::Expired("turning".to_owned())), "key store contract: its time is over");
    }

    async fn revokes_all_secrets_of_a_key(&self) {
        let revoke = async |now: u64| {
            within("key store contract: a revocation", self.store.revoke("turning".to_owned(), cause(now))).await
        };
        assert_eq!(revoke(3_000).await, Ok(2), "key store contract: the secrets that are accepted end");
        assert_eq!(revoke(3_001).await, Err(StoreError::NoSuch("turning".to_owned())), "key store contract: only once");
        let states = self.states("turning", 3_000).await;
        let expected = [('c', KeyState::Replaced), ('d', KeyState::Revoked), ('e', KeyState::Revoked)];
        assert_eq!(states, expected, "key store contract: what had ended by itself stays as it was");
        let again = self.create(key('g', "turning"), cause(3_002)).await;
        assert_eq!(again, Ok(()), "key store contract: the name is free again");
    }

    async fn gives_changes_in_order_and_in_parts(&self) {
        let all = self.changes(0, 1_000).await;
        let deeds: Vec<Deed> = all.iter().map(|change| change.deed).collect();
        use Deed::{Create, Revoke, Rotate};
        let expected = [Create, Create, Rotate, Rotate, Revoke, Revoke, Create];
        assert_eq!(deeds, expected, "key store contract: every change is written down, in order");
        assert!(all.is_sorted_by(|one, next| one.sequence < next.sequence), "key store contract: numbered upwards");
        let mut parts = Vec::new();
        while let Some(change) = self.changes(parts.last().map_or(0, |last: &Change| last.sequence), 1).await.pop() {
            parts.push(change);
        }
        assert_eq!(parts, all, "key store contract: in parts it is the same");
        for text in all.iter().flat_map(|change| change.before.iter().chain(&change.after)) {
            let low = text.to_lowercase();
            let digest = low.contains("digest") || low.contains("abababab") || low.contains("171,171");
            assert!(!digest, "key store contract: a digest is written down: {text}");
        }
    }

    async fn revision(&self) -> u64 {
        let seen = within("key store contract: the revision", self.store.revision()).await;
        good("key store contract: the revision", seen).number
    }

    async fn read(&self) -> Reading {
        good("key store contract: a reading", within("key store contract: a reading", self.store.read()).await)
    }

    async fn create(&self, key: NewKey, cause: Cause) -> Result<(), StoreError> {
        within("key store contract: a new key", self.store.create(key, cause)).await
    }

    async fn rotate(&self, to: char, name: &str, now: u64, until: u64) -> Result<KeyRow, StoreError> {
        let name = name.to_owned();
        let digest = Digest([0xab; 32]);
        let rotation = Rotation { name, id: id(to), digest, expires: None, until: at(until) };
        within("key store contract: a rotation", self.store.rotate(rotation, cause(now))).await
    }

    async fn changes(&self, after: u64, most: usize) -> Vec<Change> {
        let changes = within("key store contract: the changes", self.store.changes(after, most)).await;
        good("key store contract: the changes", changes)
    }

    /// The secrets of a key with the states they have at a time.
    async fn states(&self, name: &str, now: u64) -> Vec<(char, KeyState)> {
        let rows = self.read().await.keys.into_iter().filter(|row| row.grant.name == name);
        rows.map(|row| (row.id.chars().next().unwrap_or_default(), row.state(at(now)))).collect()
    }
}

fn good<T>(what: &str, outcome: Result<T, StoreError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

fn key(of: char, name: &str) -> NewKey {
    let grant = Grant {
        name: name.to_owned(),
        tenant: "risk".to_owned(),
        groups: vec!["a".to_owned(), "b".to_owned()],
        scopes: vec!["run".to_owned()],
        models: None,
        purposes: Vec::new(),
    };
    NewKey { id: id(of), digest: Digest([0xab; 32]), grant, expires: None }
}

fn id(of: char) -> String {
    String::from(of).repeat(12)
}

fn cause(milliseconds: u64) -> Cause {
    Cause { at: at(milliseconds), author: "me".to_owned(), reason: None }
}

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}
