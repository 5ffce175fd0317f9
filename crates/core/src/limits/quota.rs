//! How much may be taken in a time, and how configuration writes it.

use std::fmt;
use std::num::NonZeroU64;

/// The most that a quota may allow at once.
pub const MAX_BURST: u64 = 1_000_000_000;

/// So much in a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How much.
    pub quantity: NonZeroU64,
    /// In what time.
    pub window: Window,
}

/// The times that quantities are given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// `/s`
    Second,
    /// `/min`
    Minute,
    /// `/h`
    Hour,
    /// `/day`: 24 hours, not a date.
    Day,
}

/// What may be taken: `burst` at once, which fills up again at `rate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How fast it fills up.
    pub rate: Rate,
    /// How much there is where nothing was taken for long.
    pub burst: NonZeroU64,
}

impl Window {
    /// All of them, from the shortest.
    pub const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    /// Its length.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// As configuration writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "day",
        }
    }
}

impl Rate {
    /// The most of any rate in a second.
    pub const MOST_A_SECOND: u64 = 1_000_000;

    /// Reads `200/s`, `1000/min`, `5/h`, `1/day`; at most a million a second.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (quantity, window) = text.split_once('/')?;
        let quantity = quantity.trim_end();
        let digits = quantity.bytes().all(|letter| letter.is_ascii_digit());
        let quantity: NonZeroU64 = quantity.parse().ok().filter(|_| digits)?;
        let window = Window::ALL.into_iter().find(|known| known.as_str() == window.trim_start())?;
        (quantity.get() <= Self::MOST_A_SECOND * window.seconds()).then_some(Self { quantity, window })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.quantity, self.window.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Rate, Window};

    #[test]
    fn rates_are_read_and_written_alike() {
        for text in ["1/s", "1000000/s", "200/s", "60000000/min", "5/h", "1/day", "86400000000/day"] {
            assert_eq!(Rate::read(text).unwrap().to_string(), text);
        }
        let spaced = Rate::read("200 / min").unwrap();
        assert_eq!((spaced.quantity.get(), spaced.window), (200, Window::Minute));
    }

    #[test]
    fn what_is_no_rate_is_not_read() {
        let wrong =
            ["", "200", "/s", "0/s", "-1/s", "+1/s", "1.5/s", "1e3/s", "200/sec", "200/", "200/s/s", "1/month", "1/S"];
        let too_much = ["1000001/s", "60000001/min", "86400000001/day", "99999999999999999999/day"];
        for text in wrong.into_iter().chain(too_much) {
            assert_eq!(Rate::read(text), None, "{text}");
        }
    }
}
