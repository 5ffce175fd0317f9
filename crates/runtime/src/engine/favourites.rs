//! Plans for the shapes that come most. tract's convolutions take their fast path only over known shapes, so a network
//! that convolves is prepared once more for each of a few shapes, when they have shown that they come often. Shapes are
//! the client's choice: how many are counted, and how many get a plan, is bounded.

use std::sync::Arc;

use parking_lot::Mutex;

/// The shapes of all inputs.
pub(super) type Shapes = Vec<Vec<usize>>;

/// Shapes that are watched, and may have a plan.
const WATCHED: usize = 8;

/// Requests of one shape after which it gets a plan.
const OFTEN: u32 = 16;

/// Plans by shape.
pub(super) struct Favourites<P> {
    entries: Mutex<Vec<Entry<P>>>,
}

struct Entry<P> {
    shapes: Shapes,
    seen: u32,
    plan: Option<Arc<P>>,
}

impl<P> Favourites<P> {
    pub(super) fn new() -> Self {
        Self { entries: Mutex::new(Vec::new()) }
    }

    /// The plan for `shapes`, made by `prepare` when they have come often enough. `None`: take the plan for any shape.
    pub(super) fn plan(&self, shapes: Shapes, prepare: impl FnOnce() -> Option<P>) -> Option<Arc<P>> {
        {
            let mut entries = self.entries.lock();
            let Some(place) = entries.iter().position(|entry| entry.shapes == shapes) else {
                watch(&mut entries, shapes);
                return None;
            };
            let entry = entries.get_mut(place)?;
            entry.seen = entry.seen.saturating_add(1);
            if entry.seen != OFTEN {
                return entry.plan.clone();
            }
        }
        // Made outside the lock, by the one request that counted to the bound.
        let made = Arc::new(prepare()?);
        let mut entries = self.entries.lock();
        let entry = entries.iter_mut().find(|entry| entry.shapes == shapes)?;
        entry.plan = Some(Arc::clone(&made));
        Some(made)
    }
}

// A newcomer takes the place of the one seen least; a shape that has its plan keeps it.
fn watch<P>(entries: &mut Vec<Entry<P>>, shapes: Shapes) {
    if entries.len() >= WATCHED {
        let least =
            entries.iter().enumerate().filter(|(_, entry)| entry.seen < OFTEN).min_by_key(|(_, entry)| entry.seen);
        let Some((place, _)) = least else { return };
        entries.swap_remove(place);
    }
    entries.push(Entry { shapes, seen: 1, plan: None });
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::{Favourites, OFTEN, WATCHED};

    #[test]
    fn a_shape_gets_one_plan_once_it_comes_often() {
        let favourites = Favourites::new();
        let made = Cell::new(0);
        let ask = || {
            favourites.plan(vec![vec![1, 4]], || {
                made.set(made.get() + 1);
                Some(made.get())
            })
        };
        assert!((1..OFTEN).all(|_| ask().is_none()));
        assert!((0..100).all(|_| ask().as_deref() == Some(&1)));
    }

    #[test]
    fn ever_new_shapes_get_no_plan_and_take_none_away() {
        let favourites = Favourites::new();
        let ask = |rows: usize| favourites.plan(vec![vec![rows]], || Some(rows));
        (0..OFTEN).for_each(|_| drop(ask(1)));
        assert!((2..10_000).all(|rows| ask(rows).is_none()));
        assert_eq!(ask(1).as_deref(), Some(&1));
        assert!(favourites.entries.lock().len() <= WATCHED);
    }
}
