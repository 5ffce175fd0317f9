//! What the network between each client and the gateway has been through: whether a client that sees nothing may blame it.

use std::cell::RefCell;
use std::rc::Rc;

use super::plan::CLIENTS;

/// How often the weather has changed at each client. Odd: it is bad.
#[derive(Clone, Default)]
pub(super) struct Weather(Rc<RefCell<[usize; CLIENTS.len()]>>);

impl Weather {
    pub(super) fn change(&self, client: usize) {
        self.0.borrow_mut()[client] += 1;
    }

    pub(super) fn now(&self, client: usize) -> usize {
        self.0.borrow()[client]
    }

    /// Whether something was lost or held, or may have been, since it was `before`.
    pub(super) fn changed(&self, client: usize, before: usize) -> bool {
        let now = self.now(client);
        now != before || now % 2 == 1
    }
}
