//! Orders on standard input.

use tokio::sync::mpsc;

/// The lines of the input, read by a thread of its own: standard input has no other way to be waited for.
pub(crate) fn lines() -> mpsc::UnboundedReceiver<String> {
    let (send, receive) = mpsc::unbounded_channel();
    drop(std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if send.send(line).is_err() {
                return;
            }
        }
    }));
    receive
}
