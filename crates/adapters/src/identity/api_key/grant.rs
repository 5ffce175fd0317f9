//! What a key may be used for: checked and put in order before it is kept, and made into a principal when it is read. It
//! must not know tenants or models: whether there are such is for policy.

use std::sync::Arc;

use sluicegate_core::{Grant, Operation, OperationSet, Principal, PrincipalKind};

/// The most names in one list of a key.
const MOST_NAMES: usize = 256;

/// Characters of a key's name, and of those of tenants and groups.
const KEY_NAME: usize = 64;
const NAME: usize = 128;

/// Characters of a model's name.
const MODEL: usize = 256;

/// What a key may be used for that says nothing about it: whatever runs a model, and whatever asks about one.
const USUAL: [&str; 2] = ["run", "read"];

/// The same grant with every list in order.
///
/// # Errors
/// What cannot be kept, with what to write instead.
pub(super) fn checked(mut grant: Grant) -> Result<Grant, String> {
    if !is_key_name(&grant.name) {
        return Err(format!("the name of a key has 1 to {KEY_NAME} characters of `a-z`, `0-9`, `.`, `_`, `-`"));
    }
    if !is_name(&grant.tenant) {
        return Err(format!("the name of a tenant has {}", name_rule()));
    }
    if grant.scopes.is_empty() {
        grant.scopes = USUAL.map(str::to_owned).to_vec();
    }
    for list in [&mut grant.groups, &mut grant.scopes, &mut grant.purposes] {
        in_order(list)?;
    }
    if let Some(models) = &mut grant.models {
        in_order(models)?;
    }
    if !grant.groups.iter().chain(&grant.purposes).all(|name| is_name(name)) {
        return Err(format!("the name of a group or of a purpose has {}", name_rule()));
    }
    let models = grant.models.as_deref().unwrap_or_default();
    if let Some(wrong) = models.iter().find(|name| !is_model(name)) {
        return Err(format!("{wrong:?} is no name of a model: it has 1 to {MODEL} characters, and no `/` or `\\`"));
    }
    match grant.scopes.iter().find(|scope| OperationSet::named(scope).is_none()) {
        None => Ok(grant),
        Some(_) => Err(format!("a scope is one of {}", scopes())),
    }
}

/// The principal that holds a key of this grant.
pub(super) fn principal(grant: &Grant) -> Principal {
    let texts = |list: &[String]| list.iter().map(|text| Arc::from(text.as_str())).collect::<Arc<[Arc<str>]>>();
    // A scope that is not known is a later release's: it gives nothing here.
    let scopes = grant.scopes.iter().filter_map(|scope| OperationSet::named(scope));
    Principal {
        id: format!("key:{}", grant.name).into(),
        kind: PrincipalKind::Key,
        tenant: Some(Arc::from(grant.tenant.as_str())),
        groups: texts(&grant.groups),
        scopes: scopes.fold(OperationSet::NONE, OperationSet::union),
        models: grant.models.as_deref().map(texts),
        purposes: texts(&grant.purposes),
    }
}

/// Whether all of it is as [`checked`] leaves it: what was not must not be looked up by halving.
pub(super) fn is_in_order(grant: &Grant) -> bool {
    let sorted = |list: &[String]| list.len() <= MOST_NAMES && list.is_sorted_by(|left, right| left < right);
    is_key_name(&grant.name)
        && is_name(&grant.tenant)
        && sorted(&grant.groups)
        && sorted(&grant.purposes)
        && sorted(grant.models.as_deref().unwrap_or_default())
}

/// Whether `name` can be that of a key.
pub(super) fn is_key_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=KEY_NAME).contains(&name.len()) && name.bytes().all(fits)
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    begins && name.len() <= NAME && name.bytes().all(fits)
}

fn name_rule() -> String {
    format!("letters, digits, `.`, `_` and `-`, at most {NAME}, and a letter or digit first")
}

fn is_model(name: &str) -> bool {
    let length = name.chars().count();
    (1..=MODEL).contains(&length) && !name.contains(['/', '\\']) && !name.contains(char::is_control)
}

fn in_order(list: &mut Vec<String>) -> Result<(), String> {
    list.sort();
    list.dedup();
    if list.len() > MOST_NAMES {
        return Err(format!("a key has at most {MOST_NAMES} names of a sort"));
    }
    Ok(())
}

fn scopes() -> String {
    let groups = ["run", "read"].into_iter();
    let all = groups.chain(Operation::ALL.into_iter().map(Operation::as_str)).map(|word| format!("`{word}`"));
    all.collect::<Vec<_>>().join(", ")
}
