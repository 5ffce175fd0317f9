//! A server's capacity: so many requests at once, each for so long, others in the order they came.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

pub(super) struct Slots {
    /// Fair: who came first is next.
    places: Semaphore,
    /// Since when each free place has been free.
    free: Mutex<Vec<Instant>>,
}

/// A place that is taken; given back when dropped, also by a client that leaves.
struct Turn<'a> {
    slots: &'a Slots,
    until: Instant,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        Self { places: Semaphore::new(count), free: Mutex::new(vec![Instant::now(); count]) }
    }

    /// Waits for a place and then for the time the work takes.
    ///
    /// Who waited begins when the place became free, not when he woke: the timer's milliseconds would else be lost at each
    /// turn, and with them some of the capacity that the measurement counts on.
    pub(super) async fn work(&self, service: Duration) {
        let came = Instant::now();
        let Ok(_place) = self.places.acquire().await else { return };
        let free = self.free.lock().pop().unwrap_or(came);
        let turn = Turn { slots: self, until: free.max(came) + service };
        sleep_until(turn.until).await;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.slots.free.lock().push(self.until.min(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Slots;

    const SERVICE: Duration = Duration::from_millis(40);

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_served_in_turn_at_the_known_rate() {
        let slots = Arc::new(Slots::new(2));
        let start = Instant::now();
        let mut tasks = Vec::new();
        for _ in 0..5 {
            let slots = Arc::clone(&slots);
            tasks.push(tokio::spawn(async move {
                slots.work(SERVICE).await;
                start.elapsed().as_millis()
            }));
        }
        let mut ends = Vec::new();
        for task in tasks {
            ends.push(task.await.unwrap());
        }
        assert_eq!(ends, [40, 40, 80, 80, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_gives_his_place_back() {
        let slots = Slots::new(1);
        let start = Instant::now();
        let gone = tokio::time::timeout(Duration::from_millis(10), slots.work(SERVICE)).await;
        assert!(gone.is_err());
        slots.work(SERVICE).await;
        assert_eq!(start.elapsed().as_millis(), 50);
    }
}
