//! What a server does with those who come, and the words it is told by.
//!
//! Questions about health are answered well by all of these but the ones that make the whole server unreachable: what fails
//! inference alone must be noticed by inference.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Answers as it should.
    Ok,
    /// Nobody listens: a connection is refused. Requests under way are still answered, then their connections close: a
    /// server that was shut down in good order.
    Refuse,
    /// Packets get lost: the SYN of a new connection is dropped, what is connected already is not heard of any more.
    Blackhole,
    /// Connections are accepted (by the kernel, too), requests are taken, and nothing is ever answered.
    Silent,
    /// 500, at once: the fastest server is the one that fails.
    Error500,
    /// The request is taken, then the connection is reset.
    Reset,
    /// Takes so many times as long.
    Slow(u32),
    /// What comes back is not HTTP.
    Garbage,
    /// The body ends before the length that was told.
    Short,
    /// Behind the body stands a second answer that nobody asked for, with another's id.
    Long,
    /// 200 and half the body, then the connection is reset.
    ResetAfterHead,
    /// 200 and a body that never ends.
    Endless,
    /// 413 as soon as the head is there, while the body is still coming.
    Early,
    /// Closes a connection that is idle for so long, without having said that it would. 0 is right behind each answer.
    Stale(Duration),
    /// Refuses for so long, is well for as long, and so on.
    Flap(Duration),
}

impl FromStr for Behaviour {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split_whitespace();
        let name = words.next().context("no behaviour")?;
        let mut argument = || words.next().with_context(|| format!("`{name}` wants a figure behind it"));
        let behaviour = match name {
            "ok" => Self::Ok,
            "refuse" => Self::Refuse,
            "blackhole" => Self::Blackhole,
            "silent" => Self::Silent,
            "error500" => Self::Error500,
            "reset" => Self::Reset,
            "slow" => Self::Slow(argument()?.parse().context("`slow` wants a whole number")?),
            "garbage" => Self::Garbage,
            "short" => Self::Short,
            "long" => Self::Long,
            "reset-after-head" => Self::ResetAfterHead,
            "endless" => Self::Endless,
            "early" => Self::Early,
            "stale" => Self::Stale(duration(argument()?)?),
            "flap" => Self::Flap(duration(argument()?)?),
            unknown => bail!("there is no behaviour `{unknown}`"),
        };
        ensure!(words.next().is_none(), "`{text}`: too many words");
        Ok(behaviour)
    }
}

/// `40ms` or `2s`.
pub(super) fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').with_context(|| format!("`{text}` has no unit: ms or s"))?, 1000),
    };
    let number: u64 = number.parse().with_context(|| format!("`{text}` is no duration"))?;
    Ok(Duration::from_millis(number.saturating_mul(unit)))
}
