//! Requests held against what a model declares: each message names the tensor and what the model takes.

use serde_json::json;
use sluicegate_core::{CallClass, DataType, InferRequest, Parameter, RequestedOutput, Sent, Tensor};

use crate::harness::{load, models, reference, request, tensor, values};

fn floats(name: &str, shape: &[u64]) -> Tensor {
    let count = usize::try_from(shape.iter().product::<u64>()).unwrap();
    tensor(name, DataType::Fp32, shape, &vec![json!(0.5); count])
}

fn asking(outputs: Vec<RequestedOutput>) -> InferRequest {
    InferRequest { outputs, ..request(vec![floats("features", &[1, 4])]) }
}

fn output(name: &str) -> RequestedOutput {
    RequestedOutput { name: name.to_owned(), ..RequestedOutput::default() }
}

/// What the client is told.
async fn told(model: &str, request: InferRequest) -> String {
    let error = load(&models().join(format!("{model}.onnx"))).infer(request).await.unwrap_err();
    assert_eq!(error.class, CallClass::Client, "{error}");
    assert_ne!(error.sent, Sent::Partial);
    error.public.unwrap()
}

#[tokio::test]
async fn inputs_that_do_not_fit_are_named() {
    for (inputs, said) in [
        (vec![], "input 'features' is missing; the model takes 'features'"),
        (vec![floats("feature", &[1, 4])], "input 'feature' is unknown; the model takes 'features'"),
        (vec![floats("features", &[1, 4]), floats("features", &[1, 4])], "input 'features' is given twice"),
        (
            vec![tensor("features", DataType::Fp64, &[1, 1], &[json!(1.0)])],
            "input 'features': the model takes FP32, got FP64",
        ),
        (vec![floats("features", &[4])], "input 'features': the model takes shape [-1, 4] (-1: any length), got [4]"),
        (
            vec![floats("features", &[2, 3])],
            "input 'features': the model takes shape [-1, 4] (-1: any length), got [2, 3]",
        ),
    ] {
        assert_eq!(told("iris-logreg", request(inputs)).await, said);
    }
}

#[tokio::test]
async fn outputs_that_do_not_exist_are_named() {
    let unknown = told("iris-logreg", asking(vec![output("scores")])).await;
    assert_eq!(unknown, "output 'scores' is unknown; the model has 'label', 'probabilities'");
    let twice = told("iris-logreg", asking(vec![output("label"), output("label")])).await;
    assert_eq!(twice, "output 'label' is asked for twice");
    let mut top = output("probabilities");
    top.parameters.set("classification", Parameter::Int(3));
    assert!(told("iris-logreg", asking(vec![top])).await.contains("'classification' is not supported"));
}

#[tokio::test]
async fn outputs_come_as_asked_for() {
    let one = load(&models().join("iris-logreg.onnx"));
    for wanted in [vec!["probabilities"], vec!["probabilities", "label"], vec!["label", "probabilities"]] {
        let mut request = asking(wanted.iter().map(|name| output(name)).collect());
        request.id = Some("seven".to_owned());
        let response = one.infer(request).await.unwrap();
        let names: Vec<&str> = response.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(names, wanted);
        assert_eq!(response.id.as_deref(), Some("seven"));
        assert_eq!((&*response.model_name, response.model_version.as_deref()), ("m", Some("1")));
    }
}

#[tokio::test]
async fn batches_of_any_size_one_after_the_other() {
    let one = load(&models().join("digits-forest.onnx"));
    for rows in [1_u64, 7, 1, 300, 2] {
        let response = one.infer(request(vec![floats("features", &[rows, 64])])).await.unwrap();
        assert_eq!(response.outputs[0].shape(), [rows]);
        assert_eq!(response.outputs[1].shape(), [rows, 10]);
    }
}

/// A network with convolutions gets a plan of its own for a shape that comes often: its answers must not change.
#[tokio::test]
async fn one_row_is_answered_as_the_same_row_among_many_however_often() {
    let reference = reference(&models().join("digits-cnn.json"));
    let one = load(&models().join("digits-cnn.onnx"));
    let all = one.infer(request(reference.inputs.clone())).await.unwrap().outputs;
    let image = &reference.inputs[0];
    let size = image.data().len() / 4;
    for time in 0..80 {
        let row = time % 4;
        let data = image.data().slice(row * size..(row + 1) * size);
        let single = Tensor::new("image", DataType::Fp32, vec![1, 1, 8, 8], data).unwrap();
        let found = one.infer(request(vec![single])).await.unwrap().outputs;
        assert_eq!(found[0].shape(), [1, 10]);
        let (found, expected) = (values(&found[0]), values(&all[0]));
        for (found, expected) in found.iter().zip(&expected[row * 10..]) {
            assert!((found.as_f64().unwrap() - expected.as_f64().unwrap()).abs() <= 1e-6, "{found} {expected}");
        }
    }
}

#[tokio::test]
async fn inputs_that_share_a_dimension_must_agree_in_it() {
    let mut reference = reference(&models().join("columns-onehot.json"));
    let rows = reference.inputs[1].shape()[0];
    reference.inputs[1] = floats("numbers", &[rows + 1, 2]);
    let said = told("columns-onehot", request(reference.inputs)).await;
    assert!(!said.is_empty() && !said.contains("0.5"), "{said}");
}

#[tokio::test]
async fn text_that_is_not_utf8_is_named_and_not_shown() {
    let bytes = bytes::Bytes::from_static(&[2, 0, 0, 0, 0xff, 0xfe]);
    let text = Tensor::new("text", DataType::Bytes, vec![1, 1], bytes).unwrap();
    let said = told("string-identity", request(vec![text])).await;
    assert!(said.contains("input 'text'") && said.contains("not UTF-8"), "{said}");
}

#[tokio::test]
async fn a_default_can_be_left_out_or_replaced() {
    let one = load(&models().join("default-input.onnx"));
    let metadata = one.metadata().await;
    let names: Vec<&str> = metadata.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let other = metadata.inputs.iter().find(|input| input.name != "x").unwrap();
    let shape: Vec<u64> = other.shape.iter().map(|dim| u64::try_from(*dim).unwrap_or(1)).collect();
    let x = tensor("x", DataType::Fp32, &[3], &[json!(1.0), json!(2.0), json!(3.0)]);
    let count = usize::try_from(shape.iter().product::<u64>()).unwrap();
    let zero = tensor(&other.name, other.datatype, &shape, &vec![json!(0.0); count]);
    let left_out = one.infer(request(vec![x.clone()])).await.unwrap();
    let replaced = one.infer(request(vec![x, zero])).await.unwrap();
    assert!(left_out.outputs[0].data().iter().any(|byte| *byte != 0));
    assert!(replaced.outputs[0].data().iter().all(|byte| *byte == 0), "anything times zero");
}
