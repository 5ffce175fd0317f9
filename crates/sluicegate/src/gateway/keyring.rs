//! The keys of callers, as configuration after configuration says where they are kept. It must not know how they are found
//! or kept.

use std::sync::Arc;
use std::time::Duration;

use sluicegate_adapters::identity::api_key::{ApiKeys, KeysStanding, ReadKeys};
use sluicegate_config::{Resolved, State};
use sluicegate_core::{Keys, Mistake};
use tokio::time::timeout;

use super::lasting::{self, Restarts};
use crate::keys;

/// How long a store may take to be opened and read: many times what a full one takes.
const PATIENCE: Duration = Duration::from_secs(30);

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
    /// The keys, whatever configuration serves: for the whole life of the gateway.
    pub(super) fn keys(&self) -> Arc<dyn Keys> {
        Arc::clone(&self.keys) as _
    }

    /// How it stands with them, whenever that is asked for; `None` while no configuration says where they are kept.
    pub(super) fn standing(&self) -> impl Fn() -> Option<KeysStanding> + Send + Sync + use<> {
        let keys = Arc::clone(&self.keys);
        move || keys.standing()
    }

    /// Begins to see what changes about them.
    pub(super) fn follow(&self, restarts: &Restarts) {
        let keys = Arc::clone(&self.keys);
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
        // A disk that has gone must keep nobody from being heard: what waits for it is left behind.
        let reading = tokio::spawn(read(state.clone()));
        let read = match timeout(PATIENCE, reading).await {
            Ok(read) => read.unwrap_or_else(|error| Err(Mistake::at(&state.span, format!("loading failed: {error}")))),
            Err(_) => Err(Mistake::at(&state.span, "the store does not answer: see to the disk that it is on")),
        };
        Ok(Prepared::Other(Some((state.clone(), read.map_err(|mistake| vec![mistake])?))))
    }

    /// From now on these are known.
    pub(super) fn commit(&mut self, prepared: Prepared) {
        let Prepared::Other(other) = prepared else { return };
        let (state, read) = other.unzip();
        self.serving = state;
        self.keys.serve(read);
    }
}

async fn read(state: State) -> Result<ReadKeys, Mistake> {
    let vault = keys::open(&state).await?;
    ApiKeys::read(vault).await.map_err(|error| Mistake::at(&state.span, error.to_string()))
}

#[cfg(test)]
mod tests;
