//! Where the records of requests go.

use std::sync::Arc;

use anyhow::Context as _;
use sluicegate_adapters::meter::prometheus::Meter;
use sluicegate_adapters::sink::access_log::AccessLog;
use sluicegate_adapters::sink::tee::Tee;
use sluicegate_core::RecordSink;

/// To the metrics, and to the access log unless that is off.
pub(super) fn sink(access_log: &str, meter: &Arc<Meter>) -> anyhow::Result<Arc<dyn RecordSink>> {
    let target: Box<dyn std::io::Write + Send> = match access_log {
        "off" => return Ok(Arc::clone(meter) as Arc<dyn RecordSink>),
        "-" => Box::new(std::io::stdout()),
        path => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            Box::new(file.with_context(|| format!("cannot open the access log {path}"))?)
        }
    };
    let log = AccessLog::start(target).context("cannot start the access log")?;
    meter.follow_drops(log.dropped());
    let sinks: [Arc<dyn RecordSink>; 2] = [Arc::clone(meter) as _, Arc::new(log)];
    Ok(Arc::new(Tee::new(sinks)))
}
