//! Keys and changes as rows, both ways. A row that holds no key is an error of that row alone.

use std::time::{Duration, SystemTime};

use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Error, Row};
use serde_json::{Value, json};
use sluicegate_core::{Cause, Change, Deed, Digest, Grant, KeyRow, Rotated};

/// Reads a row of the statements for keys.
pub(super) fn row(row: &Row<'_>) -> Result<KeyRow, Error> {
    let moment =
        |at: usize| -> Result<Option<SystemTime>, Error> { row.get::<_, Option<i64>>(at)?.map(time).transpose() };
    let rotated = match (row.get(11)?, moment(12)?) {
        (Some(to), Some(until)) => Some(Rotated { to, until }),
        _ => None,
    };
    Ok(KeyRow {
        id: row.get(0)?,
        grant: Grant {
            name: row.get(1)?,
            tenant: row.get(2)?,
            groups: list(3, &row.get::<_, String>(3)?)?,
            scopes: list(4, &row.get::<_, String>(4)?)?,
            models: row.get::<_, Option<String>>(5)?.map(|text| list(5, &text)).transpose()?,
            purposes: list(6, &row.get::<_, String>(6)?)?,
        },
        digest: Digest(row.get(7)?),
        created: time(row.get(8)?)?,
        expires: moment(9)?,
        revoked: moment(10)?,
        rotated,
        author: row.get(13)?,
    })
}

/// Reads a row of the statement for changes.
pub(super) fn change(row: &Row<'_>) -> Result<Change, Error> {
    let deed: String = row.get(3)?;
    let deed = Deed::ALL.into_iter().find(|known| known.as_str() == deed);
    Ok(Change {
        sequence: row.get(0)?,
        cause: Cause { at: time(row.get(1)?)?, author: row.get(2)?, reason: row.get(7)? },
        deed: deed.ok_or_else(|| not_ours(3, Type::Text))?,
        name: row.get(4)?,
        before: row.get(5)?,
        after: row.get(6)?,
    })
}

/// What is written down about a key: everything but its digest.
pub(super) fn shown(key: &KeyRow) -> String {
    let moment = |at: Option<SystemTime>| at.map_or(Value::Null, |at| Value::from(milliseconds(at)));
    let grant = &key.grant;
    let shown = json!({
        "id": key.id,
        "name": grant.name,
        "tenant": grant.tenant,
        "groups": grant.groups,
        "scopes": grant.scopes,
        "models": grant.models,
        "purposes": grant.purposes,
        "created": milliseconds(key.created),
        "expires": moment(key.expires),
        "revoked": moment(key.revoked),
        "rotated_to": key.rotated.as_ref().map(|rotated| &rotated.to),
        "overlap_until": moment(key.rotated.as_ref().map(|rotated| rotated.until)),
        "author": key.author,
    });
    shown.to_string()
}

/// A list of texts, as it is kept.
pub(super) fn texts(list: &[String]) -> String {
    Value::from(list).to_string()
}

/// A time as it is kept; what is too far away for that is as far away as can be said.
pub(super) fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The same time, as far as it is kept.
pub(super) fn whole(at: SystemTime) -> SystemTime {
    time(milliseconds(at)).unwrap_or(at)
}

fn time(milliseconds: i64) -> Result<SystemTime, Error> {
    let since = u64::try_from(milliseconds).ok().map(Duration::from_millis);
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    time.ok_or(Error::IntegralValueOutOfRange(0, milliseconds))
}

fn list(at: usize, text: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(text).map_err(|_| not_ours(at, Type::Text))
}

fn not_ours(at: usize, kind: Type) -> Error {
    Error::FromSqlConversionFailure(at, kind, Box::new(FromSqlError::InvalidType))
}
