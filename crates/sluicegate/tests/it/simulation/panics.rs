//! Panics while a run is made. The gateway catches those of a request, so that nothing else would tell of them.

use std::cell::RefCell;
use std::panic::{set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// `None` on threads that run no simulation.
    static HEARD: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// From now on this thread's panics are heard.
pub(super) fn listen() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            HEARD.with_borrow_mut(|heard| heard.as_mut().map(|heard| heard.push(panic.to_string())));
            before(panic);
        }));
    });
    HEARD.set(Some(Vec::new()));
}

/// Those since; no more are heard.
pub(super) fn heard() -> Vec<String> {
    HEARD.take().unwrap_or_default()
}
