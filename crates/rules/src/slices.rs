//! Which of a model's policies can matter to a decision: those about its operation, about its version, and about somebody
//! the principal is. Cedar reads every policy it is given, one after another; it is given no other ones.
//!
//! What is left out could not apply: its scope names another tenant, group, principal, operation or version.

use std::collections::HashMap;
use std::sync::Arc;

use sluicegate_core::{Operation, Principal};

use crate::{Access, VersionSet, Who};

/// The rules of one model, by operation. Operations about which the same rules are share a slice.
pub(crate) struct Slices {
    list: Vec<Slice>,
    /// The place in `list` of each operation's slice.
    places: Vec<usize>,
}

/// The rules about an operation.
pub(crate) struct Slice {
    pub(crate) classes: Vec<Class>,
}

/// Versions about which the same rules are: a decision about one of them holds for all.
pub(crate) struct Class {
    pub(crate) versions: VersionSet,
    /// The place of one of them.
    pub(crate) example: usize,
    everyone: Vec<usize>,
    tenants: HashMap<Arc<str>, Vec<usize>>,
    groups: HashMap<Arc<str>, Vec<usize>>,
    principals: HashMap<Arc<str>, Vec<usize>>,
}

impl Slices {
    pub(crate) fn of(rules: &[Access], versions: &[Arc<str>]) -> Self {
        let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
        let (mut list, mut places) = (Vec::new(), Vec::new());
        for operation in Operation::ALL {
            let about = |(place, rule): (usize, &Access)| rule.operations.contains(operation).then_some(place);
            let about: Vec<usize> = rules.iter().enumerate().filter_map(about).collect();
            let place = *known.entry(about).or_insert_with_key(|about| {
                list.push(Slice::of(about, rules, versions));
                list.len() - 1
            });
            places.push(place);
        }
        Self { list, places }
    }

    pub(crate) fn about(&self, operation: Operation) -> Option<&Slice> {
        self.list.get(self.place(operation)?)
    }

    /// The place of the operation's slice: operations with the same place have the same rules.
    pub(crate) fn place(&self, operation: Operation) -> Option<usize> {
        self.places.get(operation as usize).copied()
    }
}

impl Slice {
    fn of(about: &[usize], rules: &[Access], versions: &[Arc<str>]) -> Self {
        let about: Vec<(usize, &Access)> =
            about.iter().filter_map(|place| rules.get(*place).map(|rule| (*place, rule))).collect();
        let mut alike: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
        for (place, name) in versions.iter().enumerate() {
            let covers = |rule: &Access| rule.versions.as_ref().is_none_or(|versions| versions.contains(name));
            let covering: Vec<usize> = about.iter().filter(|(_, rule)| covers(rule)).map(|(place, _)| *place).collect();
            alike.entry(covering).or_default().push(place);
        }
        // Without a rule everything is denied.
        let ruled = alike.into_iter().filter(|(covering, _)| !covering.is_empty());
        let classes = ruled.filter_map(|(covering, places)| Class::of(&covering, rules, &places)).collect();
        Self { classes }
    }
}

impl Class {
    fn of(covering: &[usize], rules: &[Access], places: &[usize]) -> Option<Self> {
        let mut class = Self {
            versions: places.iter().copied().collect(),
            example: *places.first()?,
            everyone: Vec::new(),
            tenants: HashMap::new(),
            groups: HashMap::new(),
            principals: HashMap::new(),
        };
        for place in covering {
            let list = match &rules.get(*place)?.who {
                Who::Everyone => &mut class.everyone,
                Who::Tenant(name) => class.tenants.entry(Arc::clone(name)).or_default(),
                Who::Group(name) => class.groups.entry(Arc::clone(name)).or_default(),
                Who::Principal(id) => class.principals.entry(Arc::clone(id)).or_default(),
            };
            list.push(*place);
        }
        Some(class)
    }

    /// The places of the rules that are about somebody `principal` is.
    pub(crate) fn about(&self, principal: &Principal) -> Vec<usize> {
        let tenant = principal.tenant.as_ref().and_then(|name| self.tenants.get(name));
        let groups = principal.groups.iter().filter_map(|name| self.groups.get(name));
        let itself = self.principals.get(&principal.id);
        let mut all: Vec<usize> =
            [&self.everyone].into_iter().chain(tenant).chain(groups).chain(itself).flatten().copied().collect();
        // A group that is named twice.
        all.sort_unstable();
        all.dedup();
        all
    }
}
