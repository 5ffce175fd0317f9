//! The models in `tests/models` and the cases in `tests/operators` answer as onnxruntime does; so does the given
//! library when it takes over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Reference, env, inputs, models, onnxruntime, read, reference, request, try_load, unhex, values};

const TOLERANCE: f64 = 1e-5;

/// Of a transformer's some hundred steps.
const DEEP_TOLERANCE: f64 = 1e-4;

const TRACT: &[(&str, &str)] = &[("threads", "1")];

fn answers(model: &Path, reference: Reference, keys: &[(&str, &str)], platform: &str, tolerance: f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let one = try_load(model, keys).unwrap_or_else(|errors| panic!("{}", errors[0]));
    assert_eq!(runtime.block_on(one.metadata()).platform, platform);
    let response = runtime.block_on(one.infer(request(reference.inputs))).unwrap();
    assert_eq!(response.outputs.len(), reference.outputs.len(), "outputs");
    for (expected, found) in reference.outputs.iter().zip(&response.outputs) {
        expected.compare(found, tolerance);
    }
}

/// Runs every case, so that one report names all that differ.
fn all(cases: Vec<(String, impl Fn() + Sized)>, least: usize) {
    assert!(cases.len() >= least, "only {} cases were found", cases.len());
    let total = cases.len();
    let failed: Vec<String> = cases
        .into_iter()
        .filter(|(_, case)| catch_unwind(AssertUnwindSafe(case)).is_err())
        .map(|(name, _)| name)
        .collect();
    assert!(failed.is_empty(), "{} of {total} differ or do not load: {failed:#?}", failed.len());
}

fn each_model(keys: &[(&str, &str)], platform: &str) {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(models())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let cases = paths.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, move || answers(&path.with_extension("onnx"), reference(&path), keys, platform, TOLERANCE))
    });
    all(cases.collect(), 80);
}

fn each_operator(keys: &[(&str, &str)], platform: &str) {
    let path = models().parent().unwrap().join("operators/operators.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cases = text.lines().map(|line| {
        let value: Value = serde_json::from_str(line).unwrap();
        let name = value["name"].as_str().unwrap().to_owned();
        let model = folder.path().join(format!("{name}.onnx"));
        std::fs::write(&model, unhex(value["model"].as_str().unwrap())).unwrap();
        (name, move || answers(&model, read(&value), keys, platform, TOLERANCE))
    });
    all(cases.collect(), 200);
}

#[test]
fn every_model_answers_as_its_reference() {
    each_model(TRACT, "onnx_tract");
}

#[test]
fn every_operator_answers_as_its_reference() {
    each_operator(TRACT, "onnx_tract");
}

#[test]
fn a_given_onnxruntime_answers_every_model() {
    each_model(&onnxruntime(), "onnx_onnxruntime");
}

#[test]
fn a_given_onnxruntime_answers_every_operator() {
    each_operator(&onnxruntime(), "onnx_onnxruntime");
}

#[test]
fn minilm_answers_as_its_reference() {
    let model = env("SLUICEGATE_MINILM", "the sentence encoder that tests/python/make_minilm.py exports");
    let path = models().join("../../../../tests/python/minilm.json");
    let reference: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (keys, platform) in [(TRACT.to_vec(), "onnx_tract"), (onnxruntime(), "onnx_onnxruntime")] {
        let one = try_load(Path::new(&model), &keys).unwrap_or_else(|errors| panic!("{}", errors[0]));
        assert_eq!(runtime.block_on(one.metadata()).platform, platform);
        let response = runtime.block_on(one.infer(request(inputs(&reference)))).unwrap();
        let [output] = &response.outputs[..] else { panic!("{} outputs", response.outputs.len()) };
        let shape: Vec<u64> = serde_json::from_value(reference["output_shape"].clone()).unwrap();
        assert_eq!(output.shape(), shape);
        let found: Vec<f64> = values(output).iter().map(|value| value.as_f64().unwrap()).collect();
        let samples = reference["last_hidden_state_samples"].as_array().unwrap();
        assert!(!samples.is_empty(), "the reference has no samples");
        for sample in samples {
            let index: Vec<u64> = serde_json::from_value(sample["index"].clone()).unwrap();
            let place = (index[0] * shape[1] + index[1]) * shape[2] + index[2];
            let (found, expected) = (found[usize::try_from(place).unwrap()], sample["value"].as_f64().unwrap());
            let allowed = DEEP_TOLERANCE * expected.abs().max(1.0);
            assert!((found - expected).abs() <= allowed, "{platform} at {index:?}: {found}, expected {expected}");
        }
    }
}
