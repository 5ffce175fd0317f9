//! What libFuzzer says at the end of a run, read from its log.

use std::fmt;

/// One run of one target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Inputs tried, if the log says so.
    pub(crate) executions: Option<u64>,
    /// Edges of the code reached, if the log says so.
    pub(crate) coverage: Option<u64>,
    /// The process did not end well: a panic, a timeout, too much memory.
    pub(crate) crashed: bool,
}

impl Report {
    /// Reads the last figures of the log; a crashed run may have none.
    pub(crate) fn read(log: &str, crashed: bool) -> Self {
        let mut report = Self { executions: None, coverage: None, crashed };
        for line in log.lines() {
            if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
                report.executions = count.trim().parse().ok();
            }
            if let Some((_, after)) = line.split_once(" cov: ") {
                report.coverage = after.split_whitespace().next().and_then(|count| count.parse().ok());
            }
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |count: Option<u64>| count.map_or_else(|| "unknown".to_owned(), |count| count.to_string());
        let verdict = if self.crashed { "CRASHED" } else { "no crash" };
        write!(f, "{} executions, coverage {}, {verdict}", shown(self.executions), shown(self.coverage))
    }
}
