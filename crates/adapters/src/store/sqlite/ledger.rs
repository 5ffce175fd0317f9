//! What the store does, as transactions on an open database: each change with its line in the list of changes and with
//! the revision raised.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Rows, Transaction, TransactionBehavior, params};
use sluicegate_core::{Cause, Change, Deed, KeyRow, MAX_KEYS, Mark, NewKey, Rotated, Rotation, StoreError};

use super::fault::fault;
use super::rows::{change, milliseconds, row, shown, texts, whole};
use super::statements::{
    ACCEPTED, ALL, CHANGES, COUNT, CURRENT, END_OVERLAPS, FORGET, INSERT, PEPPER, RAISE, REPLACE, REVISION, REVOKE,
    SET_PEPPER, WRITE_DOWN,
};

/// How many rows that are over make room at once.
const FORGOTTEN: usize = 1_000;

/// All keys of one moment.
pub(super) struct Page {
    pub(super) number: u64,
    pub(super) keys: Vec<KeyRow>,
    pub(super) unreadable: usize,
    pub(super) pepper: Option<Mark>,
}

pub(super) fn revision(connection: &Connection) -> Result<u64, StoreError> {
    connection.query_row(REVISION, [], |row| row.get(0)).map_err(fault)
}

pub(super) fn read(connection: &mut Connection) -> Result<Page, StoreError> {
    let transaction = connection.transaction().map_err(fault)?;
    let (number, pepper) = (revision(&transaction)?, mark(&transaction)?);
    let mut statement = transaction.prepare(ALL).map_err(fault)?;
    let (keys, unreadable) = readable(statement.query([MAX_KEYS.saturating_add(1)]).map_err(fault)?)?;
    if keys.len() + unreadable > MAX_KEYS {
        let words = format!("it holds more than {MAX_KEYS} keys: somebody else wrote to it; put a backup in its place");
        return Err(StoreError::Unusable(words));
    }
    Ok(Page { number, keys, unreadable, pepper })
}

/// The keys of these rows, and how many hold none.
fn readable(mut rows: Rows<'_>) -> Result<(Vec<KeyRow>, usize), StoreError> {
    let (mut keys, mut unreadable) = (Vec::new(), 0);
    while let Some(next) = rows.next().map_err(fault)? {
        match row(next) {
            Ok(key) => keys.push(key),
            Err(_) => unreadable += 1,
        }
    }
    Ok((keys, unreadable))
}

pub(super) fn pepper(connection: &mut Connection, offered: Option<Mark>) -> Result<Option<Mark>, StoreError> {
    if let Some(Mark(mark)) = offered {
        connection.execute(SET_PEPPER, [mark]).map_err(fault)?;
    }
    mark(connection)
}

fn mark(connection: &Connection) -> Result<Option<Mark>, StoreError> {
    let kept = connection.query_row(PEPPER, [], |row| row.get::<_, Option<[u8; 32]>>(0)).map_err(fault)?;
    Ok(kept.map(Mark))
}

pub(super) fn create(connection: &mut Connection, key: NewKey, cause: &Cause, most: usize) -> Result<(), StoreError> {
    let transaction = begin(connection)?;
    let name = &key.grant.name;
    if current(&transaction, name)?.is_some() {
        return Err(StoreError::Taken(name.clone()));
    }
    make_room(&transaction, cause.at, most)?;
    let key = KeyRow {
        id: key.id,
        grant: key.grant,
        digest: key.digest,
        created: cause.at,
        expires: key.expires,
        revoked: None,
        rotated: None,
        author: cause.author.clone(),
    };
    insert(&transaction, &key)?;
    write_down(&transaction, cause, Deed::Create, (None, &key))?;
    finish(transaction)
}

pub(super) fn rotate(
    connection: &mut Connection,
    rotation: Rotation,
    cause: &Cause,
    most: usize,
) -> Result<KeyRow, StoreError> {
    let transaction = begin(connection)?;
    let Some(before) = current(&transaction, &rotation.name)? else {
        return Err(StoreError::NoSuch(rotation.name));
    };
    if before.ends().is_some_and(|end| end <= cause.at) {
        return Err(StoreError::Expired(rotation.name));
    }
    make_room(&transaction, cause.at, most)?;
    let after = KeyRow {
        id: rotation.id,
        grant: before.grant.clone(),
        digest: rotation.digest,
        created: whole(cause.at),
        expires: rotation.expires.map(whole).or(before.expires),
        revoked: None,
        rotated: None,
        author: cause.author.clone(),
    };
    transaction.execute(END_OVERLAPS, params![rotation.name, milliseconds(cause.at)]).map_err(fault)?;
    let until = milliseconds(rotation.until);
    transaction.execute(REPLACE, params![before.id, after.id, until]).map_err(fault)?;
    insert(&transaction, &after)?;
    let rotated = Some(Rotated { to: after.id.clone(), until: rotation.until });
    write_down(&transaction, cause, Deed::Rotate, (Some(&KeyRow { rotated, ..before }), &after))?;
    finish(transaction)?;
    Ok(after)
}

pub(super) fn revoke(connection: &mut Connection, name: String, cause: &Cause) -> Result<usize, StoreError> {
    let transaction = begin(connection)?;
    // A row that holds no key lets nobody in, and must not keep the others from being ended.
    let (accepted, _) = {
        let mut statement = transaction.prepare(ACCEPTED).map_err(fault)?;
        readable(statement.query(params![name, milliseconds(cause.at)]).map_err(fault)?)?
    };
    if accepted.is_empty() {
        return Err(StoreError::NoSuch(name));
    }
    for before in &accepted {
        transaction.execute(REVOKE, params![before.id, milliseconds(cause.at)]).map_err(fault)?;
        let after = KeyRow { revoked: Some(cause.at), ..before.clone() };
        write_down(&transaction, cause, Deed::Revoke, (Some(before), &after))?;
    }
    finish(transaction)?;
    Ok(accepted.len())
}

pub(super) fn changes(connection: &Connection, after: u64, most: usize) -> Result<Vec<Change>, StoreError> {
    let mut statement = connection.prepare(CHANGES).map_err(fault)?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![after, i64::try_from(most).unwrap_or(i64::MAX)], change).map_err(fault)?;
    rows.collect::<Result<_, _>>().map_err(fault)
}

/// From here on nobody else writes.
fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)
}

fn finish(transaction: Transaction<'_>) -> Result<(), StoreError> {
    transaction.execute(RAISE, []).map_err(fault)?;
    transaction.commit().map_err(fault)
}

fn current(transaction: &Transaction<'_>, name: &str) -> Result<Option<KeyRow>, StoreError> {
    transaction.query_row(CURRENT, [name], row).optional().map_err(fault)
}

/// Room for one more.
fn make_room(transaction: &Transaction<'_>, now: SystemTime, most: usize) -> Result<(), StoreError> {
    let full = || transaction.query_row(COUNT, [], |row| row.get::<_, usize>(0)).map(|count| count >= most);
    if full().map_err(fault)? {
        transaction.execute(FORGET, params![milliseconds(now), FORGOTTEN]).map_err(fault)?;
        if full().map_err(fault)? {
            return Err(StoreError::Full);
        }
    }
    Ok(())
}

fn insert(transaction: &Transaction<'_>, key: &KeyRow) -> Result<(), StoreError> {
    let grant = &key.grant;
    let row = params![
        key.id,
        grant.name,
        grant.tenant,
        texts(&grant.groups),
        texts(&grant.scopes),
        grant.models.as_deref().map(texts),
        texts(&grant.purposes),
        key.digest.0,
        milliseconds(key.created),
        key.expires.map(milliseconds),
        key.revoked.map(milliseconds),
        key.rotated.as_ref().map(|rotated| &rotated.to),
        key.rotated.as_ref().map(|rotated| milliseconds(rotated.until)),
        key.author,
    ];
    transaction.execute(INSERT, row).map(drop).map_err(fault)
}

/// Writes down that the first became the second.
fn write_down(
    transaction: &Transaction<'_>,
    cause: &Cause,
    deed: Deed,
    (before, after): (Option<&KeyRow>, &KeyRow),
) -> Result<(), StoreError> {
    let row = params![
        milliseconds(cause.at),
        cause.author,
        deed.as_str(),
        after.grant.name,
        before.map(shown),
        shown(after),
        cause.reason,
    ];
    transaction.execute(WRITE_DOWN, row).map(drop).map_err(fault)
}
