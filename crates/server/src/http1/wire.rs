//! Who may touch a connection's state. It is the connection's own, until the body of a request is handed out before all of it
//! has come: that body may be read from another task, so from then on both share it, until the body is gone.

use std::mem::replace;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use super::state::State;

/// The connection's own handle. What nobody shares needs no lock: most requests come whole, and a lock costs each step.
pub(super) enum Wire<Io> {
    Own(Box<State<Io>>),
    Shared(Shared<Io>),
}

/// The handle of a body, and of a connection that has handed one out.
pub(super) struct Shared<Io>(Arc<Mutex<State<Io>>>);

/// The state, for one step: nothing waits while it is held.
pub(super) enum Guard<'a, Io> {
    Own(&'a mut State<Io>),
    Shared(MutexGuard<'a, State<Io>>),
}

impl<Io> Wire<Io> {
    /// A connection over `io`, of which `early` was read before.
    pub(super) fn new(io: Io, early: &Bytes) -> Self {
        Self::Own(Box::new(State::over(io, early)))
    }

    /// For one step: nothing waits while it is held.
    pub(super) fn lock(&mut self) -> Guard<'_, Io> {
        match self {
            Self::Own(state) => Guard::Own(state),
            Self::Shared(shared) => Guard::Shared(shared.lock()),
        }
    }

    /// A handle for a body.
    pub(super) fn share(&mut self) -> Shared<Io> {
        let shared = match self {
            Self::Shared(shared) => return shared.clone(),
            Self::Own(state) => Shared(Arc::new(Mutex::new(replace(state, State::gone())))),
        };
        *self = Self::Shared(shared.clone());
        shared
    }

    /// Takes the state back, if nobody holds a body any more.
    pub(super) fn settle(&mut self) {
        if let Self::Shared(Shared(shared)) = self
            && let Some(state) = Arc::get_mut(shared)
        {
            *self = Self::Own(Box::new(replace(state.get_mut(), State::gone())));
        }
    }
}

impl<Io> Shared<Io> {
    /// For one step: nothing waits while it is held.
    pub(super) fn lock(&self) -> MutexGuard<'_, State<Io>> {
        self.0.lock()
    }
}

impl<Io> Clone for Shared<Io> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<Io> Deref for Guard<'_, Io> {
    type Target = State<Io>;

    fn deref(&self) -> &State<Io> {
        match self {
            Self::Own(state) => state,
            Self::Shared(state) => state,
        }
    }
}

impl<Io> DerefMut for Guard<'_, Io> {
    fn deref_mut(&mut self) -> &mut State<Io> {
        match self {
            Self::Own(state) => state,
            Self::Shared(state) => state,
        }
    }
}
