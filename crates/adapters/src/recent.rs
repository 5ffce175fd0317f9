//! What was made of the names of the last requests, to be found by the next one that has the same. Names come from the
//! configuration and are shared: that two are the same text in memory is seen at once, and no letter is read. It must not
//! know what was made.

use std::sync::Arc;

use sluicegate_core::Record;

/// How many are kept: a worker has few models in use at a time. Each holds names, also those of a generation that is gone,
/// until another takes its place.
const KEPT: usize = 32;

/// Values by the names of the records they were made for.
pub(crate) struct Recent<N, T>([Option<(N, T)>; KEPT]);

/// The names that something is made of.
pub(crate) trait Names {
    /// Those of a record.
    fn of(record: &Record) -> Self;

    /// Whether the record has the very same. A `false` may be wrong, and costs no more than to make it anew.
    fn fit(&self, record: &Record) -> bool;
}

impl<N: Names, T> Recent<N, T> {
    /// What was made for a record with the same names; else what `make` makes now, which takes the place of another. `None`
    /// if it makes nothing.
    pub(crate) fn of(&mut self, record: &Record, make: impl FnOnce() -> Option<T>) -> Option<&mut T> {
        let place = self.0.get_mut(place(record))?;
        if !place.as_ref().is_some_and(|(names, _)| names.fit(record)) {
            *place = Some((N::of(record), make()?));
        }
        place.as_mut().map(|(_, made)| made)
    }
}

impl<N, T> Default for Recent<N, T> {
    fn default() -> Self {
        Self([const { None }; KEPT])
    }
}

/// Where it is kept: by where the names of what served it lie, which are not moved.
fn place(record: &Record) -> usize {
    let served = record.served.as_ref().map_or(0, |served| Arc::as_ptr(served).addr());
    let endpoint = record.endpoint.as_ref().map_or(0, |name| Arc::as_ptr(name).cast::<u8>().addr());
    let mixed = served ^ endpoint.rotate_left(7);
    (mixed >> 4 ^ mixed >> 12) % KEPT
}

/// Whether two names are one.
pub(crate) fn same<T: ?Sized>(mine: &Option<Arc<T>>, its: &Option<Arc<T>>) -> bool {
    match (mine, its) {
        (Some(mine), Some(its)) => Arc::ptr_eq(mine, its),
        (None, None) => true,
        _ => false,
    }
}
