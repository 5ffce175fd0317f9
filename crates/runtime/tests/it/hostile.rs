//! Files that mean harm: each is refused when it is loaded, or fails when it is run, in words and with bounded memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sluicegate_core::{CallClass, DataType, Tensor};
use tract_onnx::pb;

use crate::harness::{One, env, models, onnxruntime, request, tensor, try_load, unhex};

/// Bounds that a small model has no reason to reach.
const SMALL: &[(&str, &str)] = &[("threads", "1"), ("max_tensor_size", "16MiB"), ("max_model_size", "64MiB")];

/// What must be said of each file: part of the refusal, or of the failed run.
const SAID: &[(&str, &str)] = &[
    ("bit-flips", "not an ONNX model"),
    ("bomb-constant", "more than 2^31 elements"),
    ("bomb-doubling", "larger than 16777216 bytes"),
    ("bomb-expand", "more than 2^31 elements"),
    ("bomb-input", "ConstantOfShape"),
    ("bomb-range", "more than 2^31 elements"),
    ("cycle", "nothing makes before it"),
    ("dangling", "nothing makes before it"),
    ("empty", "empty"),
    ("endless-loop", "ai.onnx.Loop"),
    ("external-absolute", "lies outside the model's folder"),
    ("external-backslash", "lies outside the model's folder"),
    ("external-deep-parent", "lies outside the model's folder"),
    ("external-device", "lies outside the model's folder"),
    ("external-empty", "lies outside the model's folder"),
    ("external-missing", "cannot be opened"),
    ("external-negative", "no number"),
    ("external-parent", "lies outside the model's folder"),
    ("external-past-end", "outside the file"),
    ("external-symlink", "cannot be opened"),
    ("external-url", "lies outside the model's folder"),
    ("future-opset", "operator set 9999"),
    ("gather-out-of-range", "failed"),
    ("huge-initializer", "too large"),
    ("linear-uneven", "coefficients"),
    ("many-dims", "5000 dimensions"),
    ("negative-initializer", "dimensions that make no sense"),
    ("nested-25", "more than 8 deep"),
    ("nested-500", "more than 8 deep"),
    ("no-graph", "holds no graph"),
    ("overflow-initializer", "dimensions that make no sense"),
    ("random", "not an ONNX model"),
    ("scaler-uneven", "offset and scale"),
    ("short-initializer", "claims 400 bytes and brings 4"),
    ("text", "not an ONNX model"),
    ("tree-cycle", "not a leaf"),
    ("tree-feature-out-of-range", "feature 1000000"),
    ("tree-huge-targets", "out of range"),
    ("tree-missing-child", "not there"),
    ("tree-negative-feature", "out of range"),
    ("tree-self-cycle", "circle"),
    ("tree-target-out-of-range", "target above"),
    ("tree-uneven", "differ in length"),
    ("tree-unknown-mode", "mode is unknown"),
    ("truncated", "not an ONNX model"),
    ("unknown-domain", "com.example.Thing"),
    ("unknown-op", "ai.onnx.Frobnicate"),
    ("unknown-type-initializer", "type number 99"),
    ("unmade-output", "made by nothing"),
    ("wrong-types", "String"),
];

/// Files that do no harm after all: they load and answer.
const HARMLESS: &[&str] = &["external-self", "long-chain"];

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(models().join("hostile"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    files.sort();
    files
}

fn inputs(metadata: &sluicegate_core::ModelMetadata) -> Vec<Tensor> {
    let input = |input: &sluicegate_core::TensorMetadata| {
        let shape: Vec<u64> = input.shape.iter().map(|dim| u64::try_from(*dim).unwrap_or(4)).collect();
        let value = match input.datatype {
            DataType::Bytes => json!("a"),
            DataType::Bool => json!(true),
            DataType::Int64 => json!(17_179_869_184_i64),
            _ => json!(1),
        };
        let count = usize::try_from(shape.iter().product::<u64>()).unwrap();
        tensor(&input.name, input.datatype, &shape, &vec![value; count])
    };
    metadata.inputs.iter().map(input).collect()
}

/// What was said of a file, or `None` where it loaded and answered.
fn said(path: &Path, keys: &[(&str, &str)]) -> Option<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let one: One = match try_load(path, keys) {
        Ok(one) => one,
        Err(errors) => return Some(errors[0].message.clone()),
    };
    let inputs = inputs(&runtime.block_on(one.metadata()));
    let error = runtime.block_on(one.infer(request(inputs))).err()?;
    assert!(matches!(error.class, CallClass::Client | CallClass::Server), "{}: {error}", path.display());
    Some(error.to_string())
}

#[test]
fn each_is_refused_or_fails_in_words() {
    let files = files();
    assert_eq!(files.len(), SAID.len() + HARMLESS.len(), "a hostile file has no line here, or a line no file");
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let said = said(&path, SMALL);
        match SAID.iter().find(|(known, _)| *known == name) {
            Some((_, words)) => {
                let said = said.unwrap_or_else(|| panic!("{name} answered"));
                assert!(said.contains(words), "{name}: {said}");
                assert!(!said.contains("panicked"), "{name}: {said}");
            }
            None => assert!(HARMLESS.contains(&name.as_str()) && said.is_none(), "{name}: {said:?}"),
        }
    }
}

/// Small models and small requests that ask for much.
#[test]
fn requests_that_ask_for_too_much_are_refused_before_it_is_made() {
    let text = std::fs::read_to_string(models().parent().unwrap().join("operators/bombs.jsonl")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut tried = 0;
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let name = value["name"].as_str().unwrap();
        let path = folder.path().join(format!("{name}.onnx"));
        std::fs::write(&path, unhex(value["model"].as_str().unwrap())).unwrap();
        let one = try_load(&path, SMALL).unwrap_or_else(|errors| panic!("{name}: {}", errors[0]));
        let inputs = value["inputs"].as_array().unwrap().iter().map(|input| {
            let shape: Vec<u64> = serde_json::from_value(input["shape"].clone()).unwrap();
            let count = usize::try_from(shape.iter().product::<u64>()).unwrap();
            let datatype = DataType::parse(input["datatype"].as_str().unwrap()).unwrap();
            tensor(input["name"].as_str().unwrap(), datatype, &shape, &vec![input["fill"].clone(); count])
        });
        let error = runtime.block_on(one.infer(request(inputs.collect()))).unwrap_err();
        assert_eq!(error.class, CallClass::Client, "{name}: {error}");
        assert!(error.public.unwrap().contains("not allowed here"), "{name}");
        tried += 1;
    }
    assert!(tried >= 6, "only {tried} were tried");
}

/// The tests above, in a process that may not have more than two gigabytes: one allocation too large would end it.
#[test]
fn hostile_files_cost_little_memory() {
    let limited = "ulimit -v 2097152 && exec \"$0\" \"$@\"";
    let output = Command::new("sh")
        .args(["-c", limited, std::env::current_exe().unwrap().to_str().unwrap()])
        .args(["--exact", "hostile::each_is_refused_or_fails_in_words", "--test-threads=1"])
        .arg("hostile::requests_that_ask_for_too_much_are_refused_before_it_is_made")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("2 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// A model of `nodes` over inputs of one type and rank.
fn model(nodes: Vec<pb::NodeProto>, inputs: &[&str], output: &str, elem_type: i32, rank: usize) -> Vec<u8> {
    let shape = Some(pb::TensorShapeProto { dim: vec![pb::tensor_shape_proto::Dimension::default(); rank] });
    let value = Some(pb::type_proto::Value::TensorType(pb::type_proto::Tensor { elem_type, shape }));
    let kind = pb::TypeProto { value, ..Default::default() };
    let port =
        |name: &str| pb::ValueInfoProto { name: name.to_owned(), r#type: Some(kind.clone()), ..Default::default() };
    let graph = pb::GraphProto {
        name: "made".to_owned(),
        input: inputs.iter().map(|name| port(name)).collect(),
        output: vec![port(output)],
        node: nodes,
        ..Default::default()
    };
    let set = pb::OperatorSetIdProto { domain: String::new(), version: 15 };
    let model = pb::ModelProto { ir_version: 8, opset_import: vec![set], graph: Some(graph), ..Default::default() };
    prost::Message::encode_to_vec(&model)
}

fn node(operator: &str, inputs: &[&str], output: &str) -> pb::NodeProto {
    pb::NodeProto {
        input: inputs.iter().map(|name| (*name).to_owned()).collect(),
        output: vec![output.to_owned()],
        op_type: operator.to_owned(),
        ..Default::default()
    }
}

/// tract's analysis recurses along the graph: as many nodes as are allowed must fit the stack it is given.
#[test]
fn the_longest_chain_that_is_allowed_loads_and_one_more_node_is_refused() {
    let chain = |length: usize| {
        let step = |place: usize| {
            let operator = if place.is_multiple_of(2) { "Neg" } else { "Exp" };
            node(operator, &[&format!("v{place}")], &format!("v{}", place + 1))
        };
        model((0..length).map(step).collect(), &["v0"], &format!("v{length}"), 1, 1)
    };
    sluicegate_runtime::probe(&chain(20_000)).unwrap();
    assert_eq!(sluicegate_runtime::probe(&chain(20_001)).unwrap_err(), "the file holds more than 20000 nodes");
}

#[test]
fn an_output_may_be_an_input_but_not_be_listed_twice() {
    let nodes = || vec![node("Neg", &["x"], "y")];
    sluicegate_runtime::probe(&model(nodes(), &["x"], "x", 1, 1)).unwrap();
    let mut twice: pb::ModelProto = prost::Message::decode(&*model(nodes(), &["x"], "y", 1, 1)).unwrap();
    let graph = twice.graph.as_mut().unwrap();
    graph.output.push(graph.output[0].clone());
    let said = sluicegate_runtime::probe(&prost::Message::encode_to_vec(&twice)).unwrap_err();
    assert_eq!(said, "output 'y' is listed twice");
}

#[test]
fn what_the_engine_would_panic_over_is_refused_in_words() {
    let product = model(vec![node("MatMul", &["a", "b"], "y")], &["a", "b"], "y", 7, 2);
    let said = sluicegate_runtime::probe(&product).unwrap_err();
    assert!(said.contains("'y' is a matrix product of 64-bit integers"), "{said}");
}

/// The pre-check stands in front of a given library too. What passes it there is the library's own to refuse, and some
/// of it is left out: a library in our own process cannot be kept from taking memory or time (`endless-loop`, bombs).
#[test]
fn a_given_onnxruntime_sees_no_damaged_file() {
    env("SLUICEGATE_ONNXRUNTIME", "a libonnxruntime.so");
    let runs_on = ["endless-loop", "bomb-", "long-chain", "external-self", "gather-", "tree-", "linear-", "scaler-"];
    let mut refused = 0;
    for path in files() {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if runs_on.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let errors = try_load(&path, &onnxruntime()).err().unwrap_or_else(|| panic!("{name} was loaded"));
        assert!(!errors[0].message.is_empty());
        refused += 1;
    }
    assert!(refused >= 30, "only {refused} files were tried");
}
