//! Futures in boxes.

use std::pin::Pin;

/// What `make` makes, made where it stays. `Box::pin` makes it first and moves it then: all of its room, most of which holds
/// nothing yet.
pub fn boxed<F>(make: impl FnOnce() -> F) -> Pin<Box<F>> {
    let room = Box::new_uninit();
    Box::into_pin(Box::write(room, make()))
}
