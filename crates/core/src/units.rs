//! Spellings of durations, sizes and shares in configuration.

use std::time::Duration;

/// Reads `250ms`, `1.5s`, `2m`, `1h`, `1d`, `10us`; `0` needs no unit.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        "" if number == 0.0 => 0.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds).ok()
}

/// Reads `4096`, `64KiB`, `1.5MiB`, `2GiB`, `10MB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        _ => return None,
    };
    let value = number * bytes;
    // Above 2^53 a double no longer counts single bytes; no sensible size is there.
    let exact = (0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be whole and in range")]
    exact.then_some(value as u64)
}

/// A part of a whole, exact to a thousandth of one per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    const WHOLE: u32 = 100_000;

    /// So many per cent; more than a hundred are a hundred.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        let thousandths = percent.saturating_mul(1000);
        Self(if thousandths > Self::WHOLE { Self::WHOLE } else { thousandths })
    }

    /// In thousandths of one per cent.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// Of 1.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(Self::WHOLE)
    }

    /// Of a number of things, rounded down.
    #[must_use]
    pub fn of(self, count: usize) -> usize {
        let part = count as u128 * u128::from(self.0) / u128::from(Self::WHOLE);
        usize::try_from(part).unwrap_or(count)
    }
}

/// Reads `10%`, `0.5%`; at most `100%`, exact to a thousandth of one per cent.
pub(crate) fn share(text: &str) -> Option<Share> {
    let number: f64 = text.strip_suffix('%')?.trim_end().parse().ok()?;
    let thousandths = number * 1000.0;
    let exact =
        (0.0..=f64::from(Share::WHOLE)).contains(&thousandths) && (thousandths - thousandths.round()).abs() < 1e-6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    exact.then_some(Share(thousandths.round() as u32))
}

fn split(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::{Duration, Share, duration, share, size};

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(duration("0"), Some(Duration::ZERO));
        for bad in ["", "10", "s", "-1s", "1 fortnight", "1e400s", "99999999999999999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(share("10%"), Some(Share::percent(10)));
        assert_eq!(share("0.5 %").map(Share::thousandths), Some(500));
        assert_eq!(share("0.001%").map(Share::thousandths), Some(1));
        assert_eq!(share("100%").map(|whole| whole.of(7)), Some(7));
        assert_eq!(Share::percent(50).of(3), 1);
        for bad in ["", "10", "%", "-1%", "100.001%", "0.0001%", "NaN%", "1e9%"] {
            assert_eq!(share(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("64KiB"), Some(65536));
        assert_eq!(size("1.5MiB"), Some(1_572_864));
        for bad in ["", "-1", "MiB", "1.5", "10 parsecs", "99999999GiB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }
}
