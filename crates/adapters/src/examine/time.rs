//! How far two clocks are apart, as one answer tells it. Must not know where the moments come from.

use std::time::{Duration, SystemTime};

use sluicegate_core::{Finding, Level};

/// Seconds from which on it is worth a word.
const NOTABLE: u64 = 2;

/// By how many seconds the clock that said `date` is at least ahead of the one that asked at `before` and heard at
/// `after`; negative: behind. Zero where they may well say the same: `date` has no more than whole seconds.
pub(super) fn ahead(date: SystemTime, before: SystemTime, after: SystemTime) -> i64 {
    let whole = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    if let Ok(ahead) = date.duration_since(after) {
        return whole(ahead);
    }
    let until = date.checked_add(Duration::from_secs(1)).unwrap_or(date);
    before.duration_since(until).map_or(0, |behind| whole(behind).saturating_neg())
}

/// What to tell of it.
pub(super) fn judge(ahead: i64) -> Option<Finding> {
    let apart = ahead.unsigned_abs();
    if apart <= NOTABLE {
        return None;
    }
    let whose = if ahead > 0 { "ahead of" } else { "behind" };
    let what = format!("its clock is {} {whose} this machine's", words(apart));
    Some(Finding::new(Level::Warning, what).advise("see on both machines whether the time is synchronised (NTP)"))
}

fn words(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60) {
        (hours @ 2.., _) => format!("{hours} hours"),
        (_, minutes @ 2..) => format!("{minutes} minutes"),
        _ => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{ahead, judge};

    fn at(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000) + Duration::from_millis(milliseconds)
    }

    #[test]
    fn only_what_the_round_trip_and_whole_seconds_do_not_explain_counts() {
        // Asked at 10.9 and heard at 11.1: both 10 and 11 are what a clock that agrees may say.
        assert_eq!(ahead(at(10_000), at(10_900), at(11_100)), 0);
        assert_eq!(ahead(at(11_000), at(10_900), at(11_100)), 0);
        // A long way: anything between says nothing.
        assert_eq!(ahead(at(15_000), at(10_900), at(20_000)), 0);
        assert_eq!(ahead(at(21_500), at(10_000), at(11_500)), 10);
        assert_eq!(ahead(at(5_000), at(16_000), at(17_000)), -10);
    }

    #[test]
    fn a_word_says_which_is_ahead() {
        assert_eq!(judge(2), None);
        assert_eq!(judge(-2), None);
        assert_eq!(judge(3).unwrap().what, "its clock is 3 seconds ahead of this machine's");
        assert_eq!(judge(-3600).unwrap().what, "its clock is 60 minutes behind this machine's");
        assert_eq!(judge(7300).unwrap().what, "its clock is 2 hours ahead of this machine's");
    }
}
