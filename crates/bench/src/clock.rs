//! Time in nanoseconds of one clock that all processes of a machine share, and ticks finer than the runtime's timer.

use std::io;
use std::os::fd::OwnedFd;

use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

const SECOND: u64 = 1_000_000_000;

/// Ticks at fixed times, however late the one before was taken.
pub(crate) struct Ticker {
    timer: AsyncFd<OwnedFd>,
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let part = |number: i64| u64::try_from(number).unwrap_or_default();
    part(time.tv_sec) * SECOND + part(time.tv_nsec)
}

/// Seconds as nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` holds floats within bounds")]
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

impl Ticker {
    /// At `first`, and then every so many nanoseconds.
    #[expect(
        deprecated,
        reason = "its successor is `unsafe`; what it asks for holds: the descriptor is owned and stays"
    )]
    pub(crate) fn start(first: u64, every: u64) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let times = Itimerspec { it_interval: timespec(every), it_value: timespec(first) };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &times)?;
        Ok(Self { timer: AsyncFd::new(timer)? })
    }

    /// Waits for the next tick. How many have come since the last one was taken.
    pub(crate) async fn tick(&self) -> io::Result<u64> {
        loop {
            let mut guard = self.timer.readable().await?;
            let mut count = [0; 8];
            let read = guard.try_io(|timer| Ok(rustix::io::read(timer, &mut count)?));
            if let Ok(read) = read {
                read?;
                // The next tick is an event of its own: no second read to see that there is none yet.
                guard.clear_ready();
                return Ok(u64::from_ne_bytes(count));
            }
        }
    }
}

fn timespec(nanoseconds: u64) -> Timespec {
    let part = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Timespec { tv_sec: part(nanoseconds / SECOND), tv_nsec: part(nanoseconds % SECOND) }
}
