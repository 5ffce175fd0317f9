//! Median microseconds of one request, on one thread, for each engine. To stand beside `tests/python/onnx_latency.py`,
//! which says the same of onnxruntime's own Python package.
//!
//! ```text
//! cargo run --release -p sluicegate-runtime --example latency -- MODEL.onnx REFERENCE.json [ROWS]
//! ```
//!
//! The reference's rows are taken or repeated to ROWS (default 1; 0 sends them as they stand).
//! `SLUICEGATE_ONNXRUNTIME` names a library to measure as well.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value;
use sluicegate_core::{Clock, InferRequest, Tensor};
use sluicegate_runtime::Model;

#[path = "../tests/it/tensors.rs"]
mod tensors;

/// How long each engine is measured.
const SPAN: Duration = Duration::from_secs(2);
/// Runs before measuring: enough that a shape is known to come often.
const WARM: usize = 50;

type Failed = Box<dyn std::error::Error>;

struct Real;

#[expect(clippy::disallowed_methods, reason = "a measurement is of real time")]
impl Clock for Real {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let (Some(model), Some(reference)) = (arguments.next(), arguments.next()) else {
        return Err("usage: latency MODEL.onnx REFERENCE.json [ROWS]".into());
    };
    let rows: u64 = arguments.next().map_or(Ok(1), |rows| rows.parse())?;
    let reference: Value = serde_json::from_str(&std::fs::read_to_string(reference)?)?;
    let inputs = tensors::inputs(&reference).iter().map(|input| sized(input, rows)).collect::<Result<Vec<_>, _>>()?;
    let library = std::env::var("SLUICEGATE_ONNXRUNTIME").ok();
    for library in std::iter::once(None).chain(library.as_deref().map(Some)) {
        let began = Real.now();
        let model = Model::load(&model, library, Arc::new(Real))?;
        let load = began.elapsed();
        let mut took = measure(&model, &inputs)?;
        took.sort_unstable();
        let at = |part: usize| took.get(took.len() * part / 100).map_or(0.0, |time| time.as_secs_f64() * 1e6);
        println!(
            "{:17} median {:9.1} us, p10 {:9.1}, p90 {:9.1}, {} runs, load {:.1} ms",
            model.platform(),
            at(50),
            at(10),
            at(90),
            took.len(),
            load.as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn measure(model: &Model, inputs: &[Tensor]) -> Result<Vec<Duration>, Failed> {
    let request = || InferRequest { inputs: inputs.to_vec(), ..InferRequest::default() };
    for _ in 0..WARM {
        model.answer(request())?;
    }
    let mut took = Vec::new();
    let start = Real.now();
    while start.elapsed() < SPAN {
        let request = request();
        let began = Real.now();
        model.answer(request)?;
        took.push(began.elapsed());
    }
    Ok(took)
}

/// The tensor's rows, taken or repeated to `rows`.
fn sized(tensor: &Tensor, rows: u64) -> Result<Tensor, Failed> {
    let Some((_, rest)) = tensor.shape().split_first().filter(|(first, _)| rows > 0 && **first > 0) else {
        return Ok(tensor.clone());
    };
    let elements = usize::try_from(rows * rest.iter().product::<u64>())?;
    let data: Bytes = match tensor.datatype().size() {
        Some(size) => tensor.data().iter().copied().cycle().take(elements * usize::try_from(size)?).collect(),
        None => {
            let texts: Vec<Bytes> = tensor.bytes_elements().collect();
            let mut data = BytesMut::new();
            for text in texts.iter().cycle().take(elements) {
                data.put_u32_le(u32::try_from(text.len())?);
                data.put_slice(text);
            }
            data.freeze()
        }
    };
    let shape = std::iter::once(rows).chain(rest.iter().copied()).collect();
    Ok(Tensor::new(tensor.name.clone(), tensor.datatype(), shape, data)?)
}
