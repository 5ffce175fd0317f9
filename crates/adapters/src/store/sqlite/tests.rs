use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use sluicegate_core::{Cause, Digest, Grant, KeyStore as _, MAX_KEYS, Mark, NewKey, Rotation, StoreError};
use sluicegate_testkit::contract;
use tempfile::TempDir;

use super::{PATIENCE, Sqlite, desk::Desk, migrate};

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn open(path: &Path) -> Result<Sqlite, StoreError> {
    Sqlite::open(path.to_path_buf()).await
}

async fn refused(path: &Path) -> String {
    open(path).await.expect_err("opened").to_string()
}

fn key(number: usize) -> NewKey {
    let grant = Grant {
        name: format!("key-{number}"),
        tenant: "risk".to_owned(),
        groups: Vec::new(),
        scopes: vec!["run".to_owned()],
        models: None,
        purposes: Vec::new(),
    };
    NewKey { id: format!("{number:012}"), digest: Digest([7; 32]), grant, expires: None }
}

fn cause(milliseconds: u64) -> Cause {
    Cause { at: at(milliseconds), author: "me".to_owned(), reason: None }
}

fn at(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let folder = folder();
    contract::key_store(Arc::new(open(&folder.path().join("state.db")).await.unwrap())).await;
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_it_is_opened_again() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    let (before, revision) = (store.read().await.unwrap().keys, store.revision().await.unwrap().number);
    drop(store);
    assert!(!folder.path().join("state.db-wal").exists(), "closed, all of it is in the file");
    let store = open(&path).await.unwrap();
    assert_eq!((store.read().await.unwrap().keys, store.revision().await.unwrap().number), (before, revision));
}

#[tokio::test]
async fn another_process_sees_what_one_writes() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let (one, other) = (open(&path).await.unwrap(), open(&path).await.unwrap());
    let before = other.revision().await.unwrap();
    one.create(key(1), cause(1)).await.unwrap();
    assert_ne!(other.revision().await.unwrap(), before);
    assert_eq!(other.read().await.unwrap().keys, one.read().await.unwrap().keys);
}

#[tokio::test]
async fn of_writers_at_once_none_is_lost() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let (one, other) = (open(&path).await.unwrap(), open(&path).await.unwrap());
    let keys = (0..40).map(|number| {
        let store = if number % 2 == 0 { &one } else { &other };
        store.create(key(number), cause(1))
    });
    for outcome in futures_util::future::join_all(keys).await {
        assert_eq!(outcome, Ok(()));
    }
    let reading = one.read().await.unwrap();
    assert_eq!((reading.keys.len(), reading.revision.number), (40, 40));
    assert_eq!(one.changes(0, 100).await.unwrap().len(), 40);
}

#[tokio::test]
async fn of_many_who_make_it_at_once_all_have_it() {
    for _ in 0..5 {
        let folder = folder();
        let path = folder.path().join("state.db");
        let stores = futures_util::future::join_all((0..8).map(|_| open(&path))).await;
        let stores: Vec<Sqlite> = stores.into_iter().map(Result::unwrap).collect();
        stores[0].create(key(1), cause(1)).await.unwrap();
        for store in &stores {
            assert_eq!(store.read().await.unwrap().keys.len(), 1);
        }
        drop(stores);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }
}

/// The log of a file that is gone would be taken for that of the new one, and bring back what was in it.
#[tokio::test]
async fn a_log_that_was_left_over_is_not_taken_over() {
    let folder = folder();
    let path = folder.path().join("state.db");
    fs::write(folder.path().join("state.db-wal"), "what a lost file left").unwrap();
    let words = refused(&path).await;
    assert!(words.contains("take the log away as well") && !path.exists(), "{words}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
}

/// SQLite would lay the log of the one before over the other, and write it into it.
#[tokio::test]
async fn a_file_in_its_place_is_not_mixed_with_the_log_of_the_one_before() {
    let folder = folder();
    let (path, copy) = (folder.path().join("state.db"), folder.path().join("copy.db"));
    let other = open(&copy).await.unwrap();
    other.create(key(7), cause(1)).await.unwrap();
    drop(other);
    let before = fs::read(&copy).unwrap();
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    let log = folder.path().join("state.db-wal");
    assert!(fs::metadata(&log).unwrap().len() > 0);
    fs::rename(&path, folder.path().join("away.db")).unwrap();
    fs::rename(&copy, &path).unwrap();
    for _ in 0..2 {
        let words = store.read().await.unwrap_err().to_string();
        assert!(words.contains("take the log away"), "{words}");
    }
    assert_eq!(fs::read(&path).unwrap(), before, "it is left as it is");
    for ending in ["wal", "shm"] {
        let left = folder.path().join(format!("state.db-{ending}"));
        fs::rename(left, folder.path().join(format!("away.db-{ending}"))).unwrap();
    }
    let ids = |keys: Vec<sluicegate_core::KeyRow>| keys.into_iter().map(|row| row.grant.name).collect::<Vec<_>>();
    assert_eq!(ids(store.read().await.unwrap().keys), ["key-7"]);
    let away = open(&folder.path().join("away.db")).await.unwrap();
    assert_eq!(ids(away.read().await.unwrap().keys), ["key-1"], "what was acknowledged is not lost");
}

#[tokio::test]
async fn a_locked_database_is_waited_for_and_then_told() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = Sqlite::open_with(path.clone(), Duration::from_millis(20), 10).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(store.create(key(1), cause(1)).await, Err(StoreError::Busy));
    assert!(store.read().await.unwrap().keys.is_empty(), "who reads is not held up");
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(store.create(key(1), cause(1)).await, Ok(()));
    assert!(PATIENCE >= Duration::from_secs(1), "who writes for a moment is waited for");
}

#[tokio::test]
async fn a_damaged_file_is_told_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("state.db");
    fs::write(&path, "not a database, and longer than a header of one has to be, by far. ".repeat(40)).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&path).unwrap();
    let words = refused(&path).await;
    assert!(words.contains("state.db") && words.contains("put a backup in its place"), "{words}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_database_that_another_keeps_for_itself_is_told() {
    let folder = folder();
    let path = folder.path().join("state.db");
    drop(open(&path).await.unwrap());
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = exclusive; BEGIN IMMEDIATE; COMMIT").unwrap();
    let refused = Sqlite::open_with(path.clone(), Duration::from_millis(20), 10).await;
    assert_eq!(refused.map(drop), Err(StoreError::Busy));
    drop(other);
    assert!(open(&path).await.is_ok());
}

#[tokio::test]
async fn pages_that_are_damaged_are_told() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    for number in 0..100 {
        store.create(key(number), cause(1)).await.unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let beyond_the_first = 4096..;
    assert!(bytes.len() > 10 * beyond_the_first.start);
    bytes[beyond_the_first].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let words = match open(&path).await {
        Err(error) => error.to_string(),
        Ok(store) => store.read().await.unwrap_err().to_string(),
    };
    assert!(words.contains("state.db") && words.contains("put a backup in its place"), "{words}");
}

#[tokio::test]
async fn damage_under_way_is_told_and_mended_by_a_backup() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    drop(store);
    let backup = fs::read(&path).unwrap();
    let store = open(&path).await.unwrap();
    let first = store.revision().await.unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(store.read().await, Err(StoreError::Unusable(_))), "it is gone");
    assert!(!path.exists(), "and not made anew, empty");
    let put = folder.path().join("backup");
    fs::write(&put, backup).unwrap();
    fs::set_permissions(&put, Permissions::from_mode(0o600)).unwrap();
    fs::rename(&put, &path).unwrap();
    let reading = store.read().await.unwrap();
    assert_eq!(reading.keys.len(), 1);
    assert_ne!(reading.revision, first, "a copy is another state, whatever its number");
}

#[tokio::test]
async fn it_is_for_its_owner_alone() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    for ending in ["", "-wal", "-shm"] {
        let file = folder.path().join(format!("state.db{ending}"));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "{ending}");
    }
    drop(store);
    for mode in [0o604, 0o640, 0o660] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let words = refused(&path).await;
        assert!(words.contains(&format!("`chmod 600 {}`", path.display())), "{words}");
    }
}

#[tokio::test]
async fn where_nothing_can_be_made_it_says_what_to_do() {
    let folder = folder();
    let missing = refused(&folder.path().join("no/state.db")).await;
    assert!(missing.contains("cannot be made") && missing.contains("folder"), "{missing}");
    let directory = folder.path().join("state.db");
    fs::create_dir(&directory).unwrap();
    assert!(refused(&directory).await.contains("is not a regular file"));
}

#[tokio::test]
async fn a_newer_schema_and_other_programs_files_are_left_alone() {
    let folder = folder();
    let newer = folder.path().join("newer.db");
    drop(open(&newer).await.unwrap());
    Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    let words = refused(&newer).await;
    assert!(words.contains("schema 2, and this release knows 1: use the newer release"), "{words}");
    let other = folder.path().join("other.db");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    fs::set_permissions(&other, Permissions::from_mode(0o600)).unwrap();
    assert!(refused(&other).await.contains("another program's"));
    let tables = "SELECT group_concat(name) FROM sqlite_schema";
    let left: String = Connection::open(&other).unwrap().query_row(tables, [], |row| row.get(0)).unwrap();
    assert_eq!(left, "theirs");
}

#[test]
fn a_release_goes_up_and_down_and_up_again() {
    let mut connection = Connection::open_in_memory().unwrap();
    let schema = |connection: &Connection| -> Option<String> {
        connection.query_row("SELECT group_concat(sql) FROM sqlite_schema", [], |row| row.get(0)).unwrap()
    };
    migrate::up(&mut connection).unwrap();
    let first = schema(&connection);
    assert!(first.as_ref().is_some_and(|sql| sql.contains("CREATE TABLE keys")), "{first:?}");
    migrate::up(&mut connection).unwrap();
    assert_eq!(schema(&connection), first, "twice is once");
    migrate::down(&mut connection).unwrap();
    // SQLite keeps a table of its own for numbers that are never given twice.
    let left = schema(&connection).unwrap_or_default();
    assert!(left.is_empty() || left == "CREATE TABLE sqlite_sequence(name,seq)", "{left}");
    migrate::up(&mut connection).unwrap();
}

#[tokio::test]
async fn a_full_store_forgets_what_ended_first_and_nothing_that_is_accepted() {
    let folder = folder();
    let store = Sqlite::open_with(folder.path().join("state.db"), PATIENCE, 3).await.unwrap();
    for number in 0..3 {
        store.create(key(number), cause(1)).await.unwrap();
    }
    assert_eq!(store.create(key(3), cause(2)).await, Err(StoreError::Full));
    let rotation = |until: u64| Rotation {
        name: "key-0".to_owned(),
        id: "x".repeat(12),
        digest: Digest([8; 32]),
        expires: None,
        until: at(until),
    };
    assert_eq!(store.rotate(rotation(9), cause(2)).await, Err(StoreError::Full));
    store.revoke("key-1".to_owned(), cause(3)).await.unwrap();
    store.rotate(rotation(9), cause(4)).await.unwrap();
    let ids = |keys: Vec<sluicegate_core::KeyRow>| keys.into_iter().map(|row| row.id).collect::<Vec<_>>();
    let left = ids(store.read().await.unwrap().keys);
    assert_eq!(left, [format!("{:012}", 0), format!("{:012}", 2), "x".repeat(12)]);
    assert_eq!(store.create(key(4), cause(8)).await, Err(StoreError::Full), "what overlaps is accepted");
    store.create(key(4), cause(9)).await.unwrap();
    assert_eq!(store.changes(0, 100).await.unwrap().len(), 6, "changes are never forgotten");
}

#[tokio::test]
async fn a_hundred_thousand_keys_are_read_and_one_more_is_refused() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    let other = Connection::open(&path).unwrap();
    let insert = "WITH RECURSIVE numbers (number) AS (SELECT ?1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2) \
                  INSERT INTO keys (id, name, tenant, groups, scopes, purposes, digest, created, author) \
                  SELECT printf('%012d', number), 'key-' || number, 'risk', '[]', '[]', '[]', zeroblob(32), 1, 'me' \
                  FROM numbers";
    other.execute(insert, [1, 100_000]).unwrap();
    assert_eq!(store.read().await.unwrap().keys.len(), MAX_KEYS);
    assert_eq!(store.create(key(0), cause(1)).await, Err(StoreError::Full));
    other.execute(insert, [100_001, 100_001]).unwrap();
    let words = store.read().await.unwrap_err().to_string();
    assert!(words.contains("more than 100000 keys"), "{words}");
}

#[tokio::test]
async fn changes_cannot_be_rewritten() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    for statement in ["DELETE FROM changes", "UPDATE changes SET author = 'nobody'"] {
        assert!(other.execute(statement, []).unwrap_err().to_string().contains("changes are kept"), "{statement}");
    }
}

#[tokio::test]
async fn rows_that_hold_no_key_hide_no_other() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    store.create(key(2), cause(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("UPDATE keys SET groups = '[1]' WHERE name = 'key-1'", []).unwrap();
    let reading = store.read().await.unwrap();
    assert_eq!((reading.keys.len(), reading.unreadable), (1, 1));
}

/// Neither all memory, nor a row taken for what it is not.
#[tokio::test]
async fn a_row_that_is_too_long_is_refused() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    let long = "UPDATE keys SET models = '[\"' || hex(zeroblob(?1)) || '\"]'";
    other.execute(long, [1 << 20]).unwrap();
    assert_eq!(store.read().await.unwrap().keys.len(), 1);
    other.execute(long, [2 << 20]).unwrap();
    let words = store.read().await.unwrap_err().to_string();
    assert!(words.contains("too big"), "{words}");
}

#[tokio::test]
async fn a_row_that_holds_no_key_keeps_none_from_being_revoked() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    let rotation = Rotation {
        name: "key-1".to_owned(),
        id: "x".repeat(12),
        digest: Digest([8; 32]),
        expires: None,
        until: at(1_000),
    };
    store.rotate(rotation, cause(2)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    assert_eq!(other.execute("UPDATE keys SET groups = '[1]' WHERE rotated_to IS NULL", []).unwrap(), 1);
    assert_eq!(store.revoke("key-1".to_owned(), cause(3)).await, Ok(1));
    let reading = store.read().await.unwrap();
    assert!(reading.unreadable == 1 && reading.keys.iter().all(|key| key.revoked.is_some()), "{reading:?}");
}

/// What is written by hand is held to the same rules.
#[tokio::test]
async fn the_tables_are_strict() {
    let folder = folder();
    let path = folder.path().join("state.db");
    let store = open(&path).await.unwrap();
    store.create(key(1), cause(1)).await.unwrap();
    let other = Connection::open(&path).unwrap();
    for wrong in [
        "name = 'Upper'",
        "name = ''",
        "digest = x'00'",
        "created = 'yesterday'",
        "groups = 'a'",
        "id = 'short'",
        "rotated_to = 'b'",
        "overlap_until = 1",
    ] {
        let statement = format!("UPDATE keys SET {wrong}");
        assert!(other.execute(&statement, []).is_err(), "{wrong}");
    }
    let twice = "INSERT INTO keys SELECT 'abcdefghijkl', name, tenant, groups, scopes, models, purposes, digest, created, \
                 expires, revoked, rotated_to, overlap_until, author FROM keys";
    assert!(other.execute(twice, []).is_err(), "two usable keys of one name");
}

#[test]
fn a_name_that_sqlite_understands_otherwise_is_that_of_a_file() {
    let folder = folder();
    let path = folder.path().join(":memory:");
    Desk::new(path.clone(), PATIENCE).make().unwrap();
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[tokio::test]
async fn the_mark_of_the_pepper_raises_nothing() {
    let folder = folder();
    let store = open(&folder.path().join("state.db")).await.unwrap();
    let before = store.revision().await.unwrap();
    store.pepper(Some(Mark([9; 32]))).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), before);
}
