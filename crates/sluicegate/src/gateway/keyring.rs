//! The keys of callers, as configuration after configuration says where they are kept. It must not know how they are found
//! or kept.

use std::sync::Arc;

use sluicegate_adapters::identity::api_key::{ApiKeys, ReadKeys};
use sluicegate_config::{Resolved, State};
use sluicegate_core::Mistake;

use super::lasting::{self, Restarts};
use crate::keys;

/// The keys that requests are let in by, and where they come from.
#[derive(Default)]
pub(super) struct Keyring {
    keys: Arc<ApiKeys>,
    serving: Option<State>,
}

/// The keys of a configuration that is not installed yet.
pub(super) enum Prepared {
    /// They are kept where those are that serve.
    Same,
    /// They are kept elsewhere, and were read; or nothing says where.
    Other(Option<(State, ReadKeys)>),
}

impl Keyring {
    /// The keys, whatever configuration serves.
    pub(super) fn keys(&self) -> Arc<ApiKeys> {
        Arc::clone(&self.keys)
    }

    /// Begins to see what changes about them.
    pub(super) fn follow(&self, restarts: &Restarts) {
        let keys = self.keys();
        lasting::keep("the following of keys", restarts, move || Arc::clone(&keys).follow());
    }

    /// Reads the keys of `resolved`, where they are not those that serve.
    ///
    /// # Errors
    /// They cannot be had.
    pub(super) async fn prepare(&self, resolved: &Resolved) -> Result<Prepared, Vec<Mistake>> {
        let Some(state) = &resolved.state else { return Ok(Prepared::Other(None)) };
        // Where it is written does not matter.
        let same = |serving: &State| serving.sqlite == state.sqlite && serving.pepper == state.pepper;
        if self.serving.as_ref().is_some_and(same) {
            return Ok(Prepared::Same);
        }
        let vault = keys::open(state).await.map_err(|mistake| vec![mistake])?;
        let read = ApiKeys::read(vault).await.map_err(|error| vec![Mistake::at(&state.span, error.to_string())])?;
        Ok(Prepared::Other(Some((state.clone(), read))))
    }

    /// From now on these are known.
    pub(super) fn commit(&mut self, prepared: Prepared) {
        let Prepared::Other(other) = prepared else { return };
        let (state, read) = other.unzip();
        self.serving = state;
        self.keys.serve(read);
    }
}
