//! The fault matrix as data.

use super::judge::Bound;

/// One fault, and what is asked of a proxy meanwhile.
#[derive(Debug, PartialEq)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// In a line.
    pub(super) what: &'static str,
    /// What happens to the servers from the onset on; `script.rs` reads it.
    pub(super) script: &'static str,
    /// The server whose traffic is to end.
    pub(super) bad: Option<usize>,
    /// Requests a second.
    pub(super) rate: f64,
    /// How long it goes on behind the onset.
    pub(super) seconds: f64,
    /// The same for `--quick`; `None`: not a part of it.
    pub(super) quick: Option<f64>,
    /// Bytes that make each request longer.
    pub(super) padding: usize,
    /// What is a good answer beside 200.
    pub(super) served: &'static [u16],
    pub(super) bounds: &'static [Bound],
}

/// Seconds before the onset, in which all is well.
pub(super) const CALM: f64 = 3.0;
pub(super) const CALM_QUICK: f64 = 1.0;

/// One of three servers misbehaves, at half of what the three can do.
const ONE_OF_THREE: Scenario = Scenario {
    name: "",
    what: "",
    script: "",
    bad: Some(2),
    rate: 750.0,
    seconds: 10.0,
    quick: None,
    padding: 0,
    served: &[],
    bounds: &[],
};

/// Bounds of a server that fails what it is asked: requests are not known to be safe to repeat, so some are lost until it
/// is out.
const EJECTED: &[Bound] = &[Bound::Failures(50), Bound::Quiet(15)];

/// Of one whose answers break off in their bodies. Of 250 requests a second that take 41 ms each, ten are under way at it when
/// the fifth has failed; their heads looked well.
const BROKEN: &[Bound] = &[Bound::Failures(50), Bound::Quiet(20)];

/// Of one that falls silent: of 750 requests a second that take 41 ms each, ten are under way at it when it does, and nobody can
/// know whether they ran. So many are lost whatever is done; as many again may be until the silence is noticed.
const LOST: u64 = 20;

/// In the order of the table.
pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "refuse",
        what: "One of three shuts down in good order and then refuses connections.",
        script: "0 2 refuse",
        seconds: 23.0,
        quick: Some(6.0),
        bounds: &[Bound::Success(0.9999), Bound::P99Times(1.2)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "blackhole",
        what: "Packets to one of three get lost: SYNs are dropped, kept connections are silent.",
        script: "0 2 blackhole",
        seconds: 60.0,
        quick: Some(20.0),
        bounds: &[Bound::Success(0.999), Bound::Failures(LOST), Bound::P999Added(1.0)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "silent",
        what: "One of three accepts connections, takes requests, and never answers, not even about its health.",
        script: "0 2 silent",
        seconds: 60.0,
        bounds: &[Bound::Success(0.999), Bound::Failures(LOST)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "error500",
        what: "One of three answers 500 at once; its health is well.",
        script: "0 2 error500",
        quick: Some(4.0),
        bounds: EJECTED,
        ..ONE_OF_THREE
    },
    Scenario {
        name: "reset",
        what: "One of three takes each request and resets the connection; its health is well.",
        script: "0 2 reset",
        bounds: EJECTED,
        ..ONE_OF_THREE
    },
    Scenario {
        name: "slow",
        what: "One of three takes ten times as long.",
        script: "0 2 slow 10",
        seconds: 12.0,
        bounds: &[Bound::Success(0.999), Bound::LateP99Times(2.0)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "flap",
        what: "One of three refuses for 2 s, is well for 2 s, and so on.",
        script: "0 2 flap 2s",
        bad: None,
        seconds: 16.0,
        bounds: &[Bound::Success(0.999)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "all-fail",
        what: "All three answer 500.",
        script: "0 0 error500; 0 1 error500; 0 2 error500",
        bad: None,
        seconds: 8.0,
        quick: Some(4.0),
        bounds: &[Bound::Amplification(1.2)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "garbage",
        what: "One of three answers something that is not HTTP.",
        script: "0 2 garbage",
        bounds: EJECTED,
        ..ONE_OF_THREE
    },
    Scenario {
        name: "short",
        what: "One of three ends the body before the length it told.",
        script: "0 2 short",
        bounds: BROKEN,
        ..ONE_OF_THREE
    },
    Scenario {
        name: "long",
        what: "All three write another's answer behind each body. Nobody may ever see it.",
        script: "0 0 long; 0 1 long; 0 2 long",
        bad: None,
        quick: Some(4.0),
        bounds: &[Bound::Success(0.9999)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "reset-after-head",
        what: "One of three answers 200, half the body, and resets. The client must see that it is broken.",
        script: "0 2 reset-after-head",
        bounds: BROKEN,
        ..ONE_OF_THREE
    },
    Scenario {
        name: "endless",
        what: "One of three answers 200 and a body that never ends.",
        script: "0 2 endless",
        seconds: 12.0,
        bounds: &[Bound::Failures(50)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "early",
        what: "One of three answers 413 while the body of 256 KiB is still coming. The answer is the client's, once, and \
               no reason to avoid the server.",
        script: "0 2 early",
        bad: None,
        rate: 60.0,
        seconds: 8.0,
        padding: 256 * 1024,
        served: &[413],
        bounds: &[Bound::Success(0.9999), Bound::Amplification(1.0)],
        ..ONE_OF_THREE
    },
    Scenario {
        name: "stale",
        what: "All three close connections that are idle for 3 ms, without a word: some close while a request comes.",
        script: "0 0 stale 3ms; 0 1 stale 3ms; 0 2 stale 3ms",
        bad: None,
        seconds: 12.0,
        bounds: &[Bound::Success(0.999)],
        ..ONE_OF_THREE
    },
];
