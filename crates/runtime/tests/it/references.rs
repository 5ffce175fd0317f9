//! Every model in `tests/models` answers as onnxruntime does.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::harness::{load, models, reference, request};

const TOLERANCE: f64 = 1e-5;

#[test]
fn every_model_answers_as_its_reference() {
    let mut names: Vec<String> = std::fs::read_dir(models())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 70, "only {} references were found", names.len());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut failed = Vec::new();
    for name in &names {
        let run = || {
            let reference = reference(&models().join(format!("{name}.json")));
            let one = load(&models().join(format!("{name}.onnx")));
            let response = runtime.block_on(one.infer(request(reference.inputs))).unwrap();
            assert_eq!(response.outputs.len(), reference.outputs.len(), "outputs");
            for (expected, found) in reference.outputs.iter().zip(&response.outputs) {
                expected.compare(found, TOLERANCE);
            }
        };
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{} of {} differ or do not load: {failed:?}", failed.len(), names.len());
}
