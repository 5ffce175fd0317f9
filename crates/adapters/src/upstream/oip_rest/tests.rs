//! The keys of a backend of this kind.

use std::sync::Arc;

use sluicegate_core::{Node, NonFinite, Shape, Span, Value};

use super::{Binary, KIND, MAX_RESPONSE, Options, decode};

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
    let default = Options { binary: Binary::Auto, non_finite: NonFinite::Null, max_response: MAX_RESPONSE };
    assert_eq!(options(&[]), default);
    for (word, binary) in [("auto", Binary::Auto), ("always", Binary::Always), ("never", Binary::Never)] {
        assert_eq!(options(&[("binary", word)]), Options { binary, ..default });
    }
    for (word, non_finite) in [("null", NonFinite::Null), ("token", NonFinite::Token), ("reject", NonFinite::Reject)] {
        assert_eq!(options(&[("non_finite", word)]), Options { non_finite, ..default });
    }
    assert_eq!(options(&[("max_response", "1MiB")]), Options { max_response: 1 << 20, ..default });
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
