//! The keys of one issuer over time: fetched now and then, and when a token names one that is not known; the last good ones stay
//! while the issuer cannot be asked. It must not know what a token says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest::{SHA256, digest};
use parking_lot::Mutex;
use sluicegate_core::{IssuerPlan, KeySource, TokenAlgorithm, TokenFault};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::fetch::Fetcher;
use super::keyset::KeySet;

/// How often keys are fetched, whatever tokens say.
pub(super) const EVERY: Duration = Duration::from_secs(15 * 60);

/// The least time from one fetch to the next, whatever tokens say.
pub(super) const LEAST: Duration = Duration::from_secs(10);

/// The keys of one issuer.
pub(super) struct Ring {
    name: Arc<str>,
    issuer: Arc<str>,
    source: KeySource,
    algorithms: Vec<TokenAlgorithm>,
    kept: ArcSwapOption<Kept>,
    /// Whether a token named a key that is not known.
    wanted: AtomicBool,
    wake: Notify,
    tries: Mutex<Tries>,
}

/// The keys that were fetched last.
pub(super) struct Kept {
    pub(super) keys: Arc<KeySet>,
    /// When that was; files do not grow old.
    at: Option<SystemTime>,
    /// Of their text.
    digest: [u8; 32],
}

#[derive(Default)]
struct Tries {
    /// When keys were last asked for.
    last: Option<Instant>,
    /// Why they could not be had then.
    failing: Option<String>,
    /// Sets that came, each unlike the one before it.
    sets: u64,
}

impl Ring {
    pub(super) fn of(plan: &IssuerPlan) -> Self {
        Self {
            name: Arc::clone(&plan.name),
            issuer: Arc::clone(&plan.issuer),
            source: plan.keys.clone(),
            algorithms: plan.algorithms.clone(),
            kept: ArcSwapOption::empty(),
            wanted: AtomicBool::new(false),
            wake: Notify::new(),
            tries: Mutex::default(),
        }
    }

    /// Whether it holds what `plan` needs.
    pub(super) fn fits(&self, plan: &IssuerPlan) -> bool {
        let (name, issuer) = (self.name == plan.name, self.issuer == plan.issuer);
        name && issuer && self.source == plan.keys && self.algorithms == plan.algorithms
    }

    /// The keys that are good at `now`, where they were read within `stale`.
    pub(super) fn keys(
        &self,
        now: SystemTime,
        stale: Duration,
    ) -> Result<arc_swap::Guard<Option<Arc<Kept>>>, TokenFault> {
        let kept = self.kept.load();
        let age = |at: SystemTime| now.duration_since(at).unwrap_or_default();
        match kept.as_deref().map(|kept| kept.at.is_none_or(|at| age(at) <= stale)) {
            Some(true) => Ok(kept),
            Some(false) | None => Err(TokenFault::Unavailable(Arc::clone(&self.name))),
        }
    }

    /// What is to be said of a token whose key is not among `kept`: that it is asked for, or, where that was just done, that it
    /// is none.
    pub(super) fn missing(&self, kept: &Kept, now: SystemTime) -> TokenFault {
        let just = kept.at.is_none_or(|at| now.duration_since(at).unwrap_or_default() < LEAST);
        if just {
            return TokenFault::UnknownKey(Arc::clone(&self.name));
        }
        // However many want it, it is asked for once.
        if !self.wanted.swap(true, Ordering::Relaxed) {
            self.wake.notify_one();
        }
        TokenFault::Fetching(Arc::clone(&self.name))
    }

    /// Whether keys were never asked for.
    pub(super) fn is_untried(&self) -> bool {
        self.tries.lock().last.is_none()
    }

    /// Whether the keys could not be had the last time.
    pub(super) fn is_failing(&self) -> bool {
        self.tries.lock().failing.is_some()
    }

    /// How many keys are known.
    pub(super) fn len(&self) -> usize {
        self.kept.load().as_ref().map_or(0, |kept| kept.keys.len())
    }

    /// Keeps the keys fresh, as long as it is polled.
    pub(super) async fn follow(&self, fetcher: &Fetcher) {
        if matches!(self.source, KeySource::File(_)) {
            return std::future::pending().await;
        }
        loop {
            self.due().await;
            self.fetch(fetcher).await;
        }
    }

    /// Waits until keys are to be fetched.
    async fn due(&self) {
        let (last, failing) = {
            let tries = self.tries.lock();
            (tries.last, tries.failing.is_some())
        };
        let Some(last) = last else { return };
        // A fetch that was broken off leaves nothing behind, not even a failure.
        let regular = last + if failing || self.kept.load().is_none() { LEAST } else { EVERY };
        while !self.wanted.load(Ordering::Relaxed) {
            tokio::select! {
                biased;
                // Who woke it may have been served by the last fetch.
                () = self.wake.notified() => {}
                () = sleep_until(regular) => return,
            }
        }
        sleep_until(last + LEAST).await;
    }

    /// Fetches the keys now.
    pub(super) async fn fetch(&self, fetcher: &Fetcher) {
        self.tries.lock().last = Some(Instant::now());
        let text = fetcher.keys(&self.issuer, &self.source).await;
        let at = (!matches!(self.source, KeySource::File(_))).then(|| fetcher.clock.wall());
        match text.and_then(|text| self.take(&text, at)) {
            Ok(()) => {
                // Those that wanted a key meanwhile find it now, or learn that there is none.
                self.wanted.store(false, Ordering::Relaxed);
                if self.tries.lock().failing.take().is_some() {
                    tracing::info!(issuer = &*self.name, "the keys of an issuer can be read again");
                }
            }
            Err(why) => {
                let mut tries = self.tries.lock();
                // Said once, not at each try.
                if tries.failing.as_ref() != Some(&why) {
                    tracing::error!(issuer = &*self.name, %why, "the keys of an issuer cannot be read");
                }
                tries.failing = Some(why);
            }
        }
    }

    /// Takes over what was fetched. What holds no key changes nothing.
    fn take(&self, text: &[u8], at: Option<SystemTime>) -> Result<(), String> {
        let mut mark = [0; 32];
        for (to, from) in mark.iter_mut().zip(digest(&SHA256, text).as_ref()) {
            *to = *from;
        }
        let before = self.kept.load();
        let keys = match before.as_ref().filter(|before| before.digest == mark) {
            Some(same) => Arc::clone(&same.keys),
            None => {
                let number = self.tries.lock().sets.saturating_add(1);
                let keys = KeySet::parse(text, &self.algorithms, number)?;
                self.tries.lock().sets = number;
                tracing::debug!(issuer = &*self.name, keys = keys.len(), "other keys of an issuer were read");
                Arc::new(keys)
            }
        };
        self.kept.store(Some(Arc::new(Kept { keys, at, digest: mark })));
        Ok(())
    }

    /// Why the keys could not be had the last time.
    pub(super) fn fault(&self) -> Option<String> {
        self.tries.lock().failing.clone()
    }
}
