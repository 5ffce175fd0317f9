use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use sluicegate_core::{
    BoxFuture, Cause, Change, Grant, KeyFault, KeyRow, KeyStore, Keys as _, Mark, NewKey, Operation, Reading, Revision,
    Rotation, StoreError,
};
use sluicegate_testkit::wait_for;
use tempfile::TempDir;

use super::{ApiKeys, EVERY, KeysStanding, PepperSource, SecretKey, Vault, VaultError};
use crate::store::sqlite::Sqlite;

mod peppers;
mod texts;

/// A vault in a folder that goes with it, and the keys that follow it.
struct House {
    folder: TempDir,
    store: Arc<Breaking>,
    vault: Vault,
    keys: Arc<ApiKeys>,
}

/// A store that fails while it is told to.
struct Breaking {
    store: Sqlite,
    broken: Mutex<bool>,
    silent: Mutex<bool>,
    /// How often all of it was read.
    read: Mutex<usize>,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let store = Sqlite::open(path.clone()).await.unwrap();
        let store =
            Arc::new(Breaking { store, broken: Mutex::new(false), silent: Mutex::new(false), read: Mutex::new(0) });
        let kept: Arc<dyn KeyStore> = Arc::clone(&store) as _;
        let beside = PepperSource::Beside(folder.path().join("state.db.pepper"));
        let vault = Vault::open(kept, beside).await.unwrap();
        let keys = Arc::new(ApiKeys::default());
        Self { folder, store, vault, keys }
    }

    /// The same, with its keys served.
    async fn open() -> Self {
        let house = Self::new().await;
        house.keys.serve(Some(ApiKeys::read(house.vault.clone()).await.unwrap()));
        house
    }

    async fn create(&self, name: &str, expires: Option<SystemTime>) -> SecretKey {
        let secret = self.vault.create(grant(name), expires, cause(1)).await.unwrap();
        self.keys.look().await;
        secret
    }

    fn find(&self, key: &str, now: u64) -> Result<String, KeyFault> {
        self.keys.find(key, at(now)).map(|principal| principal.id.to_string())
    }
}

impl Breaking {
    fn unless_broken<'a, T>(&self, asked: BoxFuture<'a, Result<T, StoreError>>) -> BoxFuture<'a, Result<T, StoreError>>
    where
        T: Send + 'a,
    {
        if *self.silent.lock() {
            return Box::pin(std::future::pending());
        }
        if *self.broken.lock() { Box::pin(async { Err(StoreError::Busy) }) } else { asked }
    }
}

impl KeyStore for Breaking {
    fn revision(&self) -> BoxFuture<'_, Result<Revision, StoreError>> {
        self.unless_broken(self.store.revision())
    }

    fn read(&self) -> BoxFuture<'_, Result<Reading, StoreError>> {
        *self.read.lock() += 1;
        self.unless_broken(self.store.read())
    }

    fn pepper(&self, offered: Option<Mark>) -> BoxFuture<'_, Result<Option<Mark>, StoreError>> {
        self.store.pepper(offered)
    }

    fn create(&self, key: NewKey, cause: Cause) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.create(key, cause)
    }

    fn rotate(&self, rotation: Rotation, cause: Cause) -> BoxFuture<'_, Result<KeyRow, StoreError>> {
        self.store.rotate(rotation, cause)
    }

    fn revoke(&self, name: String, cause: Cause) -> BoxFuture<'_, Result<usize, StoreError>> {
        self.store.revoke(name, cause)
    }

    fn changes(&self, after: u64, most: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        self.store.changes(after, most)
    }
}

fn grant(name: &str) -> Grant {
    Grant {
        name: name.to_owned(),
        tenant: "risk".to_owned(),
        groups: vec!["b".to_owned(), "a".to_owned(), "b".to_owned()],
        scopes: Vec::new(),
        models: None,
        purposes: vec!["scoring".to_owned()],
    }
}

fn cause(milliseconds: u64) -> Cause {
    Cause { at: at(milliseconds), author: "me".to_owned(), reason: None }
}

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn a_key_is_known_with_all_that_was_granted() {
    let house = House::open().await;
    let models = Some(vec!["fraud".to_owned(), "credit-risk".to_owned()]);
    let scopes = vec!["infer".to_owned(), "ready".to_owned()];
    let grant = Grant { models, scopes, ..grant("batch") };
    let secret = house.vault.create(grant, None, cause(1)).await.unwrap();
    assert_eq!(house.find(secret.expose(), 1), Err(KeyFault::Unknown), "not looked at yet");
    house.keys.look().await;
    let principal = house.keys.find(secret.expose(), at(1)).unwrap();
    assert_eq!((&*principal.id, principal.kind.as_str()), ("key:batch", "key"));
    assert_eq!(principal.tenant.as_deref(), Some("risk"));
    assert_eq!(principal.groups.iter().map(|group| &**group).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(principal.purposes.iter().map(|purpose| &**purpose).collect::<Vec<_>>(), ["scoring"]);
    assert!(principal.reaches(Operation::Infer, "fraud") && principal.reaches(Operation::Ready, "credit-risk"));
    assert!(!principal.reaches(Operation::Infer, "other") && !principal.reaches(Operation::Chat, "fraud"));
    let again = house.keys.find(secret.expose(), at(2)).unwrap();
    assert!(Arc::ptr_eq(&principal, &again), "all requests share one");
}

#[tokio::test]
async fn a_key_without_scopes_runs_and_reads_but_does_not_manage() {
    let house = House::open().await;
    let secret = house.create("usual", None).await;
    let principal = house.keys.find(secret.expose(), at(1)).unwrap();
    for operation in [Operation::Infer, Operation::Chat, Operation::StreamInfer, Operation::Metadata] {
        assert!(principal.reaches(operation, "any"), "{operation:?}");
    }
    assert!(!principal.reaches(Operation::Manage, "any"));
}

#[tokio::test]
async fn before_the_first_reading_the_store_is_unavailable() {
    let house = House::new().await;
    let secret = house.vault.create(grant("early"), None, cause(1)).await.unwrap();
    house.keys.look().await;
    assert_eq!(house.find(secret.expose(), 1), Err(KeyFault::Unavailable));
    assert_eq!(house.find("nonsense", 1), Err(KeyFault::Malformed), "known without a look-up");
    house.keys.serve(Some(ApiKeys::read(house.vault.clone()).await.unwrap()));
    assert_eq!(house.find(secret.expose(), 1), Ok("key:early".to_owned()));
    house.keys.serve(None);
    assert_eq!(house.find(secret.expose(), 1), Err(KeyFault::Unavailable));
}

#[tokio::test]
async fn a_key_expires_in_its_millisecond() {
    let house = House::open().await;
    let secret = house.create("short", Some(at(1_000))).await;
    assert_eq!(house.find(secret.expose(), 999), Ok("key:short".to_owned()));
    assert_eq!(house.find(secret.expose(), 1_000), Err(KeyFault::Expired("short".into())));
    let just_before = at(1_000) - Duration::from_nanos(1);
    assert!(house.keys.find(secret.expose(), just_before).is_ok());
}

#[tokio::test]
async fn k_07_in_the_overlap_both_are_accepted_and_behind_it_one() {
    let house = House::open().await;
    let first = house.create("turning", None).await;
    let overlap = Duration::from_millis(500);
    let (second, row) = house.vault.rotate("turning", overlap, None, cause(1_000)).await.unwrap();
    assert_eq!((row.grant.name.as_str(), row.expires), ("turning", None));
    house.keys.look().await;
    let good = Ok("key:turning".to_owned());
    assert_eq!((house.find(first.expose(), 1_499), house.find(second.expose(), 1_499)), (good.clone(), good.clone()));
    let over = Err(KeyFault::Expired("turning".into()));
    assert_eq!((house.find(first.expose(), 1_500), house.find(second.expose(), 1_500)), (over.clone(), good.clone()));
    let (third, _) = house.vault.rotate("turning", Duration::ZERO, Some(at(9_000)), cause(1_200)).await.unwrap();
    house.keys.look().await;
    assert_eq!(house.find(first.expose(), 1_200), over, "never three");
    assert_eq!(house.find(second.expose(), 1_200), over, "without an overlap the one before ends at once");
    assert_eq!((house.find(third.expose(), 8_999), house.find(third.expose(), 9_000)), (good, over));
}

#[tokio::test]
async fn k_04_what_is_revoked_ends_with_the_next_look() {
    let house = House::open().await;
    let first = house.create("gone", None).await;
    let (second, _) = house.vault.rotate("gone", Duration::from_secs(9), None, cause(2)).await.unwrap();
    assert_eq!(house.vault.revoke("gone", cause(3)).await, Ok(2));
    house.keys.look().await;
    for secret in [first, second] {
        assert_eq!(house.find(secret.expose(), 3), Err(KeyFault::Revoked("gone".into())));
    }
    let anew = house.create("gone", None).await;
    assert_eq!(house.find(anew.expose(), 4), Ok("key:gone".to_owned()), "the name can be given again");
    assert!(EVERY * 2 <= Duration::from_secs(1), "a change is seen within a second");
}

#[tokio::test]
async fn k_08_a_key_that_was_tried_too_early_is_not_remembered_as_wrong() {
    let house = House::open().await;
    let secret = house.vault.create(grant("tried"), None, cause(1)).await.unwrap();
    for _ in 0..3 {
        assert_eq!(house.find(secret.expose(), 1), Err(KeyFault::Unknown));
    }
    house.keys.look().await;
    assert!(house.find(secret.expose(), 1).is_ok());
}

#[tokio::test]
async fn k_05_while_the_store_fails_the_last_table_stays() {
    let house = House::open().await;
    let secret = house.create("kept", None).await;
    *house.store.broken.lock() = true;
    house.vault.revoke("kept", cause(2)).await.unwrap();
    house.keys.look().await;
    assert!(house.find(secret.expose(), 2).is_ok(), "what cannot be seen is not known");
    *house.store.broken.lock() = false;
    house.keys.look().await;
    assert_eq!(house.find(secret.expose(), 2), Err(KeyFault::Revoked("kept".into())));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for_without_end() {
    let house = House::open().await;
    let secret = house.create("kept", None).await;
    house.vault.revoke("kept", cause(2)).await.unwrap();
    *house.store.silent.lock() = true;
    tokio::time::pause();
    house.keys.look().await;
    tokio::time::resume();
    assert!(house.find(secret.expose(), 2).is_ok());
    *house.store.silent.lock() = false;
    house.keys.look().await;
    assert_eq!(house.find(secret.expose(), 2), Err(KeyFault::Revoked("kept".into())));
}

#[tokio::test]
async fn what_has_not_changed_is_not_read_again() {
    let house = House::open().await;
    house.create("one", None).await;
    let before = *house.store.read.lock();
    for _ in 0..5 {
        house.keys.look().await;
    }
    assert_eq!(*house.store.read.lock(), before);
}

#[tokio::test]
async fn changes_are_followed() {
    let house = House::open().await;
    let following = tokio::spawn(Arc::clone(&house.keys).follow());
    let secret = house.vault.create(grant("new"), None, cause(1)).await.unwrap();
    wait_for(|| house.find(secret.expose(), 1).is_ok(), "the new key is known").await;
    house.vault.revoke("new", cause(2)).await.unwrap();
    wait_for(|| house.find(secret.expose(), 2).is_err(), "the key is known to be revoked").await;
    following.abort();
}

#[tokio::test]
async fn another_secret_of_a_known_id_is_nobodys() {
    let house = House::open().await;
    let (one, other) = (house.create("one", None).await, house.create("other", None).await);
    // The id of one with the secret of the other, well written.
    let head = one.expose().get(..17).unwrap();
    let mixed = texts::signed(&format!("{head}{}", other.expose().get(17..49).unwrap()));
    assert_eq!(house.find(&mixed, 1), Err(KeyFault::Unknown));
    let nobody = texts::signed(&format!("sgk_{}_{}", "0".repeat(12), "0".repeat(32)));
    assert_eq!(house.find(&nobody, 1), Err(KeyFault::Unknown));
}

/// Whoever has the file of the store, but not the pepper, has nothing to present.
#[tokio::test]
async fn k_02_the_store_holds_nothing_that_can_be_presented() {
    let house = House::open().await;
    let secret = house.create("kept", None).await;
    house.vault.rotate("kept", Duration::ZERO, None, cause(2)).await.unwrap();
    let mut all = Vec::new();
    for ending in ["", "-wal"] {
        all.extend(std::fs::read(house.folder.path().join(format!("state.db{ending}"))).unwrap());
    }
    let holds = |part: &[u8]| all.windows(part.len()).any(|window| window == part);
    assert!(holds(secret.id().to_string().as_bytes()), "the search finds what is there");
    assert!(!holds(secret.expose().get(17..).unwrap().as_bytes()), "the secret");
    let pepper = std::fs::read(house.folder.path().join("state.db.pepper")).unwrap();
    assert!(!holds(&pepper[..64]), "the pepper");
    let row = house.vault.keys().await.unwrap().0.remove(0);
    let hexadecimal: String = row.digest.0.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(house.find(&hexadecimal, 1), Err(KeyFault::Malformed), "a digest is no credential");
}

#[tokio::test]
async fn another_pepper_is_refused_before_every_key_is() {
    let house = House::open().await;
    let store: Arc<dyn KeyStore> = Arc::clone(&house.store) as _;
    let other = PepperSource::Text("ab".repeat(32).into());
    let error = Vault::open(Arc::clone(&store), other).await.unwrap_err().to_string();
    assert!(error.contains("another than that which the keys in the store were made with"), "{error}");
    let beside = house.folder.path().join("state.db.pepper");
    std::fs::rename(&beside, house.folder.path().join("elsewhere")).unwrap();
    let error = Vault::open(store, PepperSource::Beside(beside.clone())).await.unwrap_err().to_string();
    assert!(error.contains("state.db.pepper is gone") && error.contains("backup"), "{error}");
    assert!(!beside.exists(), "no other is made in its place");
}

/// A store that was put in the place of the one that was opened: its keys cannot be known, and those from before are.
#[tokio::test]
async fn a_store_of_another_pepper_is_not_taken_over() {
    let house = House::open().await;
    let secret = house.create("kept", None).await;
    assert_eq!(house.keys.standing(), Some(KeysStanding { secrets: 1, failing: false }));
    let other = House::open().await;
    other.create("theirs", None).await;
    let (place, from) = (house.folder.path().join("state.db"), other.folder.path().join("state.db"));
    // Closed, all of it is in the file.
    let kept = other.folder;
    drop((other.keys, other.vault, other.store));
    std::fs::rename(from, &place).unwrap();
    // With the log of the one before it would not be opened at all.
    std::fs::remove_file(house.folder.path().join("state.db-wal")).unwrap();
    drop(kept);
    house.keys.look().await;
    assert_eq!(house.keys.standing(), Some(KeysStanding { secrets: 1, failing: true }));
    assert_eq!(house.find(secret.expose(), 1), Ok("key:kept".to_owned()));
    let error = house.vault.keys().await.unwrap_err().to_string();
    assert!(error.contains("the pepper is another"), "{error}");
}

#[tokio::test]
async fn how_it_stands_is_told() {
    let house = House::new().await;
    assert_eq!(house.keys.standing(), None, "no vault is served");
    house.keys.serve(Some(ApiKeys::read(house.vault.clone()).await.unwrap()));
    assert_eq!(house.keys.standing(), Some(KeysStanding { secrets: 0, failing: false }));
    *house.store.broken.lock() = true;
    house.keys.look().await;
    assert_eq!(house.keys.standing(), Some(KeysStanding { secrets: 0, failing: true }));
    *house.store.broken.lock() = false;
    house.keys.look().await;
    assert_eq!(house.keys.standing(), Some(KeysStanding { secrets: 0, failing: false }));
}

#[tokio::test]
async fn what_cannot_be_granted_is_refused_in_words() {
    let house = House::open().await;
    let many = || (0..300).map(|number| format!("n{number}")).collect::<Vec<_>>();
    let long = "x".repeat(65);
    let cases: Vec<(Grant, &str)> = vec![
        (grant(""), "the name of a key has 1 to 64"),
        (grant(&long), "the name of a key has 1 to 64"),
        (grant("Upper"), "the name of a key has 1 to 64"),
        (grant("a b"), "the name of a key has 1 to 64"),
        (grant("a'; --"), "the name of a key has 1 to 64"),
        (Grant { tenant: String::new(), ..grant("a") }, "the name of a tenant"),
        (Grant { groups: vec!["a\nb".to_owned()], ..grant("a") }, "a group or of a purpose"),
        (Grant { groups: many(), ..grant("a") }, "at most 256"),
        (Grant { models: Some(many()), ..grant("a") }, "at most 256"),
        (Grant { models: Some(vec!["a/b".to_owned()]), ..grant("a") }, "no name of a model"),
        (Grant { scopes: vec!["everything".to_owned()], ..grant("a") }, "a scope is one of `run`, `read`, `infer`"),
    ];
    for (wrong, words) in cases {
        let error = house.vault.create(wrong, None, cause(1)).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let wrong = |cause: Cause, expires| house.vault.create(grant("a"), expires, cause);
    let author = Cause { author: "a\nb".to_owned(), ..cause(1) };
    assert!(wrong(author, None).await.unwrap_err().to_string().contains("an author"));
    let reason = Cause { reason: Some("x".repeat(1_001)), ..cause(1) };
    assert!(wrong(reason, None).await.unwrap_err().to_string().contains("a reason"));
    assert!(wrong(cause(5), Some(at(5))).await.unwrap_err().to_string().contains("expires after"));
    let long = house.vault.rotate("a", super::MOST_OVERLAP + Duration::from_secs(1), None, cause(1)).await;
    assert!(matches!(long, Err(VaultError::Wrong(_))));
    let name = house.vault.revoke("A\u{1b}[31m", cause(1)).await.unwrap_err().to_string();
    assert!(name.contains("there is no key") && !name.contains('\u{1b}'), "{name}");
    assert!(house.vault.keys().await.unwrap().0.is_empty());
}

#[tokio::test]
async fn k_13_nothing_secret_is_printed() {
    let house = House::open().await;
    let secret = house.create("quiet", None).await;
    let row = house.vault.keys().await.unwrap();
    let presented = super::Presented::parse(secret.expose());
    let printed = format!("{secret:?} {presented:?} {:?} {:?} {row:?}", house.vault, house.keys);
    let hidden = secret.expose().get(17..49).unwrap();
    assert!(!printed.contains(hidden), "{printed}");
    assert!(printed.contains("[redacted]"), "{printed}");
}
