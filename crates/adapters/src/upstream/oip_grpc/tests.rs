//! The keys of a backend of this kind.

use std::sync::Arc;

use sluicegate_core::{Node, Shape, Span, Value};

use super::{KIND, MAX_MESSAGE, Options, Package, Wide, decode};

fn node(keys: &[(&str, &str)]) -> Node {
    let span = Span { file: Arc::from("gateway.yaml"), line: 1, column: 1 };
    let scalar = |text: &str| Node { value: Value::Scalar(text.to_owned()), span: span.clone() };
    let entries = keys.iter().map(|(key, text)| ((*key).to_owned(), span.clone(), scalar(text))).collect();
    Node { value: Value::Map(entries), span: span.clone() }
}

fn options(keys: &[(&str, &str)]) -> Options {
    *decode(&node(keys)).unwrap().downcast_ref::<Options>().unwrap()
}

#[test]
fn every_word_the_schema_offers_is_read() {
    let default = Options { max_message: MAX_MESSAGE, wide_parameters: Wide::Auto, package: Package::Inference };
    assert_eq!(options(&[]), default);
    for (word, wide_parameters) in [("auto", Wide::Auto), ("always", Wide::Always), ("never", Wide::Never)] {
        assert_eq!(options(&[("wide_parameters", word)]), Options { wide_parameters, ..default });
    }
    for (word, package) in [("inference", Package::Inference), ("torchserve", Package::TorchServe)] {
        assert_eq!(options(&[("package", word)]), Options { package, ..default });
    }
    assert_eq!(options(&[("max_message", "1MiB")]), Options { max_message: 1 << 20, ..default });
}

#[test]
fn the_documented_defaults_are_the_ones_that_hold() {
    let documented: Vec<(&str, &str)> =
        KIND.fields.iter().filter_map(|field| Some((field.name, field.default?))).collect();
    assert_eq!(options(&documented), options(&[]));
    for field in KIND.fields {
        if let Shape::Choice(words) = field.shape {
            assert!(words.iter().any(|(word, _)| Some(*word) == field.default), "{}", field.name);
        }
    }
}
