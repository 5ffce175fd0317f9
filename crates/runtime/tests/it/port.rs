//! The upstream port: its contract, metadata, and what passes through the queue to the caller.

use std::time::Duration;

use serde_json::json;
use sluicegate_core::{CallClass, DataType, Sent};
use sluicegate_testkit::contract::{UpstreamFixture, upstream};

use crate::harness::{call, endpoint, load, model, models, onnxruntime, request, tensor, try_load};

async fn contract(keys: &[(&str, &str)]) {
    let echo = models().parent().unwrap().join("operators/echo.onnx");
    let one = try_load(&echo, keys).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let shape = vec![3, 2];
    upstream(UpstreamFixture {
        upstream: one.upstream,
        endpoint: endpoint(),
        model: model(),
        shape,
        describes: true,
        // No model of this runtime can be made to wait; that a dropped call stops is shown on the pool itself.
        stall: None,
    })
    .await;
}

#[tokio::test]
async fn the_contract_holds_for_the_built_in_engine() {
    contract(&[("threads", "2")]).await;
}

#[tokio::test]
async fn the_contract_holds_for_a_given_onnxruntime() {
    contract(&onnxruntime()).await;
}

#[tokio::test]
async fn metadata_says_what_a_classifier_takes_and_gives() {
    let metadata = load(&models().join("iris-logreg.onnx")).metadata().await;
    assert_eq!((&*metadata.name, &*metadata.platform), ("m", "onnx_tract"));
    assert_eq!(metadata.versions, ["1"]);
    let ports: Vec<(&str, DataType, &[i64])> = metadata
        .inputs
        .iter()
        .chain(&metadata.outputs)
        .map(|port| (port.name.as_str(), port.datatype, &*port.shape))
        .collect();
    let expected: [(&str, DataType, &[i64]); 3] = [
        ("features", DataType::Fp32, &[-1, 4]),
        ("label", DataType::Bytes, &[-1]),
        ("probabilities", DataType::Fp32, &[-1, 3]),
    ];
    assert_eq!(ports, expected);
    let classes = metadata.properties.iter().find(|(key, _)| key == "class_names").unwrap();
    assert_eq!(classes.1, r#"["setosa","versicolor","virginica"]"#);
}

#[tokio::test]
async fn zip_map_is_probabilities_and_class_names() {
    let metadata = load(&models().join("zipmap.onnx")).metadata().await;
    let output = metadata.outputs.iter().find(|output| output.name == "output_probability").unwrap();
    assert_eq!((output.datatype, &*output.shape), (DataType::Fp32, &[-1, 3][..]));
    let classes = metadata.properties.iter().find(|(key, _)| key == "class_names").unwrap();
    assert_eq!(classes.1, r#"["0","1","2"]"#);
}

#[tokio::test]
async fn a_deadline_that_has_passed_is_a_timeout_with_nothing_sent() {
    let one = load(&models().join("ridge.onnx"));
    let input = tensor("features", DataType::Fp32, &[1, 10], &vec![json!(0.5); 10]);
    let error = one.upstream.call(&one.endpoint, call(request(vec![input]), Duration::ZERO)).await.unwrap_err();
    assert_eq!((error.class, error.sent), (CallClass::Timeout, Sent::Nothing));
}

/// One thread, one place in the line: of many calls at once at least one is refused as overload, none fails otherwise.
#[tokio::test]
async fn a_full_line_is_pushback_with_nothing_sent() {
    let keys = [("threads", "1"), ("queue", "1")];
    let one = try_load(&models().join("knn-clf.onnx"), &keys).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let rows = 2000_usize;
    let input = tensor("features", DataType::Fp32, &[rows as u64, 4], &vec![json!(0.5); rows * 4]);
    let calls =
        (0..16).map(|_| one.upstream.call(&one.endpoint, call(request(vec![input.clone()]), Duration::from_secs(60))));
    let answers = futures_util::future::join_all(calls).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(answers.iter().any(Result::is_ok), "some are answered");
    assert!(!refused.is_empty(), "16 calls went through a line of one");
    for error in refused {
        assert_eq!((error.class, error.sent), (CallClass::Pushback, Sent::Nothing), "{error}");
        assert!(error.public.is_some());
    }
}
