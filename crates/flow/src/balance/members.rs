//! The endpoints of a backend as they are now. Those that configuration lists stay as long as their pool; those that are
//! found somewhere come and go while requests choose among them, without a lock.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::{ArcSwap, Guard};
use sluicegate_core::Endpoint;

use super::Member;

/// Endpoints at one moment.
pub(crate) struct Members {
    list: Vec<Arc<Member>>,
    /// What their weights come to.
    pub(super) weights: u32,
}

/// The endpoints of a pool.
pub(super) enum Roll {
    Fixed(Members),
    Changing(ArcSwap<Members>),
}

/// The endpoints that were there when they were asked for.
pub(crate) enum Present<'a> {
    Fixed(&'a Members),
    Changing(Guard<Arc<Members>>),
}

/// How a pool's endpoints have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) added: usize,
    pub(crate) removed: usize,
}

impl Members {
    /// The endpoints, each once; those that are among `before` are the same ones, and `arrive` is told of the others.
    pub(super) fn of(
        endpoints: impl IntoIterator<Item = (Endpoint, u32)>,
        before: &[Arc<Member>],
        arrive: impl Fn(&Member),
    ) -> Self {
        let known: HashMap<&Endpoint, &Arc<Member>> = before.iter().map(|member| (&member.endpoint, member)).collect();
        let member = |(endpoint, weight)| match known.get(&endpoint) {
            Some(member) => {
                member.weight.store(weight, Relaxed);
                Arc::clone(member)
            }
            None => {
                let member = Member::new(endpoint, weight);
                arrive(&member);
                Arc::new(member)
            }
        };
        let list: Vec<Arc<Member>> = endpoints.into_iter().map(member).collect();
        let weights = list.iter().fold(0_u32, |sum, member| sum.saturating_add(member.weight.load(Relaxed)));
        Self { list, weights }
    }

    /// What has changed since `before`.
    pub(super) fn since(&self, before: &Self) -> Change {
        let known: HashSet<*const Member> = before.list.iter().map(Arc::as_ptr).collect();
        let added = self.list.iter().filter(|member| !known.contains(&Arc::as_ptr(member))).count();
        let stayed = self.list.len() - added;
        Change { added, removed: before.list.len().saturating_sub(stayed) }
    }
}

impl Roll {
    pub(super) fn new(members: Members, changing: bool) -> Self {
        if changing { Self::Changing(ArcSwap::from_pointee(members)) } else { Self::Fixed(members) }
    }

    pub(super) fn present(&self) -> Present<'_> {
        match self {
            Self::Fixed(members) => Present::Fixed(members),
            Self::Changing(members) => Present::Changing(members.load()),
        }
    }
}

impl Deref for Present<'_> {
    type Target = Members;

    fn deref(&self) -> &Members {
        match self {
            Self::Fixed(members) => members,
            Self::Changing(members) => members,
        }
    }
}

impl Deref for Members {
    type Target = [Arc<Member>];

    fn deref(&self) -> &[Arc<Member>] {
        &self.list
    }
}
