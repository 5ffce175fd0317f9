//! Decisions that were made, by all that the policies read. Bounded; a decision that was made is found without waiting for
//! others that look for theirs.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;

use parking_lot::RwLock;
use sluicegate_core::{Mixing, Operation, Principal, PrincipalKind};

/// Decisions of one model, at most.
const MOST: usize = 4096;

/// Parts that are locked by themselves.
const PARTS: usize = 16;

/// What was found out about principals, by the operation, or for all operations.
pub(crate) struct Remembered<T> {
    parts: [RwLock<Part<T>>; PARTS],
    most: usize,
}

struct Part<T> {
    entries: HashMap<u64, Vec<(Facts, T)>, Mixing>,
    count: usize,
}

/// All that a policy can read of a request: two requests that agree in it are decided alike.
struct Facts {
    id: Arc<str>,
    kind: PrincipalKind,
    tenant: Option<Arc<str>>,
    groups: Arc<[Arc<str>]>,
    purposes: Arc<[Arc<str>]>,
    operation: Option<Operation>,
}

impl<T: Clone> Remembered<T> {
    /// For what takes `weight` times as much room as usual.
    pub(crate) fn weighing(weight: usize) -> Self {
        let most = (MOST / PARTS / weight.max(1)).max(1);
        Self { parts: std::array::from_fn(|_| RwLock::new(Part::default())), most }
    }

    /// What is known, or is found out now. Two that ask at once may both find out.
    pub(crate) fn get_or(&self, principal: &Principal, operation: Option<Operation>, find: impl FnOnce() -> T) -> T {
        let hash = hash(principal, operation);
        let Some(part) = self.parts.get(usize::try_from(hash >> 56).unwrap_or_default() % PARTS) else {
            return find();
        };
        let known = |part: &Part<T>| {
            let same = part.entries.get(&hash)?.iter().find(|(facts, _)| facts.are(principal, operation))?;
            Some(same.1.clone())
        };
        if let Some(known) = known(&part.read()) {
            return known;
        }
        let found = find();
        let mut part = part.write();
        if known(&part).is_none() {
            if part.count >= self.most {
                *part = Part::default();
            }
            part.count += 1;
            part.entries.entry(hash).or_default().push((Facts::of(principal, operation), found.clone()));
        }
        found
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.parts.iter().map(|part| part.read().entries.values().map(Vec::len).sum::<usize>()).sum()
    }
}

impl<T> Default for Part<T> {
    fn default() -> Self {
        Self { entries: HashMap::default(), count: 0 }
    }
}

impl Facts {
    fn of(principal: &Principal, operation: Option<Operation>) -> Self {
        let Principal { id, kind, tenant, groups, purposes, .. } = principal.clone();
        Self { id, kind, tenant, groups, purposes, operation }
    }

    fn are(&self, principal: &Principal, operation: Option<Operation>) -> bool {
        self.operation == operation
            && self.kind == principal.kind
            && self.id == principal.id
            && self.tenant == principal.tenant
            && same(&self.groups, &principal.groups)
            && same(&self.purposes, &principal.purposes)
    }
}

/// Requests with one credential share its principal: then nothing is compared.
fn same(left: &Arc<[Arc<str>]>, right: &Arc<[Arc<str>]>) -> bool {
    Arc::ptr_eq(left, right) || left == right
}

/// Principals are the operators' making, not the clients': a quick hash is enough, and entries are compared in full.
fn hash(principal: &Principal, operation: Option<Operation>) -> u64 {
    let mut state = Mixing::default().build_hasher();
    principal.id.hash(&mut state);
    principal.tenant.hash(&mut state);
    state.write_u8(operation.map_or(u8::MAX, |operation| operation as u8));
    // The part is chosen by other bits than the place in it.
    let hash = state.finish();
    hash ^ hash.rotate_left(31)
}

#[cfg(test)]
mod tests;
