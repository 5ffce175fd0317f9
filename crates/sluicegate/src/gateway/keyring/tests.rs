use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sluicegate_adapters::identity::api_key::SecretKey;
use sluicegate_config::{Resolved, Sources, State, load};
use sluicegate_core::{Cause, Grant, KeyFault, Source};

use super::{Keyring, Prepared, keys};
use crate::catalog::CATALOG;

/// A configuration whose store, if it has one, is a file of this name in `folder`.
fn configuration(folder: &Path, store: Option<&str>) -> Resolved {
    let mut text = "version: 1\nlisteners: { main: { address: 127.0.0.1:0, authenticate: [anonymous] } }\n".to_owned();
    if let Some(store) = store {
        text.push_str(&format!("state: {{ store: {{ sqlite: {store} }} }}\n"));
    }
    let path = folder.join("gateway.yaml");
    let root = Source { path: path.to_string_lossy().into(), text: text.into() };
    let nothing = |_: &str| Err("nothing is read".to_owned());
    load(&Sources { root, includes: Vec::new() }, &CATALOG, &mut { nothing }).unwrap()
}

/// A key of this name, made as the command line does.
async fn made(state: &State, name: &str) -> SecretKey {
    let grant = Grant {
        name: name.to_owned(),
        tenant: "risk".to_owned(),
        groups: Vec::new(),
        scopes: Vec::new(),
        models: None,
        purposes: Vec::new(),
    };
    let cause = Cause { at: SystemTime::UNIX_EPOCH, author: "me".to_owned(), reason: None };
    keys::open(state).await.unwrap().create(grant, None, cause).await.unwrap()
}

#[tokio::test]
async fn what_was_handed_out_once_follows_every_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (configuration(folder.path(), Some("one.db")), configuration(folder.path(), Some("other.db")));
    let first = made(one.state.as_ref().unwrap(), "first").await;
    let second = made(other.state.as_ref().unwrap(), "second").await;
    let mut keyring = Keyring::default();
    let (handed, standing) = (keyring.keys(), keyring.standing());
    let find =
        |key: &SecretKey| handed.find(key.expose(), SystemTime::UNIX_EPOCH).map(|principal| principal.id.to_string());
    assert_eq!((find(&first), standing()), (Err(KeyFault::Unavailable), None), "no configuration serves yet");

    let prepared = keyring.prepare(&one).await.unwrap();
    assert_eq!(find(&first), Err(KeyFault::Unavailable), "what is not installed is not known");
    keyring.commit(prepared);
    assert_eq!((find(&first), find(&second)), (Ok("key:first".to_owned()), Err(KeyFault::Unknown)));
    assert!(matches!(keyring.prepare(&one).await, Ok(Prepared::Same)), "a reload opens nothing anew");

    let prepared = keyring.prepare(&other).await.unwrap();
    keyring.commit(prepared);
    assert_eq!((find(&first), find(&second)), (Err(KeyFault::Unknown), Ok("key:second".to_owned())));
    assert_eq!(standing().map(|standing| (standing.secrets, standing.failing)), Some((1, false)));

    let without = configuration(folder.path(), None);
    let prepared = keyring.prepare(&without).await.unwrap();
    keyring.commit(prepared);
    assert_eq!((find(&second), standing()), (Err(KeyFault::Unavailable), None));
    assert!(Arc::ptr_eq(&handed, &keyring.keys()), "it is one and the same all along");
}

#[tokio::test]
async fn a_store_that_cannot_be_had_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (configuration(folder.path(), Some("one.db")), configuration(folder.path(), Some("no/one.db")));
    let secret = made(good.state.as_ref().unwrap(), "kept").await;
    let mut keyring = Keyring::default();
    let prepared = keyring.prepare(&good).await.unwrap();
    keyring.commit(prepared);
    let Err(mistakes) = keyring.prepare(&bad).await else { panic!("it was opened") };
    assert!(mistakes[0].to_string().contains("gateway.yaml:3:27: "), "{mistakes:?}");
    assert!(keyring.keys().find(secret.expose(), SystemTime::UNIX_EPOCH).is_ok());
}
