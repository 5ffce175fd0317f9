//! What holds for all bytes, and for JSON read beside other readers of it.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_core::Fields;
use sluicegate_wire::Limits;
use sluicegate_wire::oip_rest::client::{self, WireForm, decode_response, encode_request};

use crate::bytes_of::{json_length, oip, read, whole, with_input};
use crate::lossless::request;

/// Numbers of every length, those that lie between two floats, and those that others write.
fn number() -> impl Strategy<Value = String> {
    let between = |bits: u32| {
        let (low, high) = (f32::from_bits(bits), f32::from_bits(bits + 1));
        f64::midpoint(low.into(), high.into())
    };
    let finite = (0..f32::INFINITY.to_bits() - 1, any::<bool>(), -2..=2_i64);
    prop_oneof![
        4 => r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        1 => r"-?0\.0{0,30}[0-9]{1,20}([eE][+-]?[0-9]{1,5})?",
        1 => r"-?[1-9][0-9]{15,21}(\.[0-9]{1,3})?",
        1 => any::<f64>().prop_filter("a number", |value| value.is_finite()).prop_map(|value| format!("{value:?}")),
        1 => any::<f32>().prop_filter("a number", |value| value.is_finite()).prop_map(|value| format!("{value:?}")),
        // Singles as doubles, as Python writes them.
        2 => any::<f32>().prop_filter("a number", |value| value.is_finite()).prop_map(|v| format!("{:?}", f64::from(v))),
        // Halfway between two singles, and a little to either side.
        2 => finite.prop_map(move |(bits, plain, off)| {
            let near = f64::from_bits(between(bits).to_bits().wrapping_add_signed(off));
            if plain { format!("{near}") } else { format!("{near:e}") }
        }),
    ]
}

proptest! {
    // 2048 cases, or as many as PROPTEST_CASES says.
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").map_or(2048, |cases| cases.parse().unwrap())
    ))]

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(text in number()) {
        let single: f32 = text.parse().unwrap();
        let double: f64 = text.parse().unwrap();
        let read = |datatype| read(with_input(datatype, "[1]", &format!("[ {text}\n]"))).map(|(request, _)| {
            request.inputs[0].data().clone()
        });
        match read("FP32") {
            Ok(data) => prop_assert_eq!(&data[..], &single.to_le_bytes()),
            Err(_) => prop_assert!(single.is_infinite()),
        }
        match read("FP64") {
            Ok(data) => prop_assert_eq!(&data[..], &double.to_le_bytes()),
            Err(_) => prop_assert!(double.is_infinite()),
        }
        match read("INT64") {
            Ok(data) => prop_assert_eq!(Ok(i64::from_le_bytes(data[..].try_into().unwrap())), text.parse::<i64>()),
            Err(_) => prop_assert!(text.parse::<i64>().is_err()),
        }
        match read("UINT64") {
            Ok(data) if text == "-0" => prop_assert_eq!(&data[..], &[0; 8]),
            Ok(data) => prop_assert_eq!(Ok(u64::from_le_bytes(data[..].try_into().unwrap())), text.parse::<u64>()),
            Err(_) => prop_assert!(text.parse::<u64>().is_err()),
        }
    }

    #[test]
    fn strings_are_read_as_the_json_library_reads_them(text in r#""([^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,12}""#) {
        let expected = serde_json::from_str::<String>(&text);
        match read(with_input("BYTES", "[1]", &format!("[{text}]"))) {
            Ok((request, _)) => {
                let element = request.inputs[0].bytes_elements().next().unwrap();
                let expected = expected.unwrap();
                prop_assert_eq!(expected.as_bytes(), &element[..]);
            }
            Err(_) => prop_assert!(expected.is_err()),
        }
    }

    #[test]
    fn any_json_that_the_json_library_reads_is_passed_over(tree in r#"[\[\]{}:,"a0-9.eE+\\ntrufals -]{0,24}"#) {
        let text = format!(r#"{{"x":{tree},"inputs":[]}}"#);
        let good = serde_json::from_str::<serde_json::Value>(&text);
        match (read(text), good) {
            (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
            // The library takes the last of two equal keys; here that is refused.
            (Err(refusal), Ok(_)) => prop_assert!(refusal.public.contains("twice"), "{}", refusal),
            // The library bounds numbers by their value; here nobody reads them.
            (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("out of range"), "{}", error),
        }
    }

    #[test]
    fn bytes_never_panic(body in vec(any::<u8>(), 0..200), length in 0..220_u64) {
        for headers in [Fields::new(), json_length(&length.to_string())] {
            let body = Bytes::from(body.clone());
            let request = (oip().decode_infer)(&headers, body.clone(), None, &Limits::default());
            if let Err(refusal) = request {
                prop_assert_eq!((oip().encode_refusal)(&refusal).status, 400);
            }
            let _ = decode_response(&headers, body.clone(), &Limits::default());
            let _ = client::decode_metadata(&body);
            let _ = client::decode_error(&body);
            let _ = client::decode_health(&body);
        }
    }

    #[test]
    fn broken_messages_never_panic(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let form = WireForm { binary: true, ..WireForm::default() };
        let Ok((headers, body)) = encode_request(&request, &form) else { return Ok(()) };
        let body = whole(body);
        let mut changed = body.to_vec();
        let place = at.index(changed.len());
        changed[place] = byte;
        for body in [body.slice(..place), changed.into()] {
            if let Err(refusal) = (oip().decode_infer)(&headers, body, None, &Limits::default()) {
                prop_assert_eq!((oip().encode_refusal)(&refusal).status, 400);
            }
        }
    }
}
