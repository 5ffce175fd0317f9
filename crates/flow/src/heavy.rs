//! Work that takes long because a message is large. It is done apart, so that no other request of the thread waits for it.

use sluicegate_core::{Kind, Refusal};

/// Bytes from which on a message is read and written apart. Less takes about a millisecond at most, and going apart costs
/// more than a small message does.
const HEAVY: usize = 256 * 1024;

/// Whether work on so many bytes is to be done apart.
pub(crate) const fn is_heavy(bytes: usize) -> bool {
    bytes >= HEAVY
}

/// Does `work` on a thread for such work.
pub(crate) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        // Not the panic's own words: they may hold inputs.
        let cause = if error.is_panic() { "panic" } else { "the gateway is stopping" };
        Err(Refusal::new(Kind::Internal, "the gateway failed").because(cause))
    })
}

#[cfg(test)]
mod tests {
    use sluicegate_core::Kind;

    use super::apart;

    #[tokio::test]
    async fn a_panic_is_refused_without_its_words() {
        let refusal = apart::<()>(|| panic!("the inputs")).await.unwrap_err();
        assert_eq!((refusal.kind, refusal.cause.as_deref()), (Kind::Internal, Some("panic")));
    }
}
