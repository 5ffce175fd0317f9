//! What holds for all messages.

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use proptest::collection::vec;
use proptest::prelude::*;
use sluicegate_core::{
    DataType, InferRequest, InferResponse, NonFinite, Parameter, Parameters, RequestedOutput, Tensor,
};
use sluicegate_wire::oip_rest::client::{self, WireForm, decode_response, encode_request};
use sluicegate_wire::{Limits, ReplyForm};

use crate::bytes_of::{json_length, oip, read, whole, with_input};

fn parameters() -> impl Strategy<Value = Parameters> {
    let value = prop_oneof![
        any::<bool>().prop_map(Parameter::Bool),
        any::<i64>().prop_map(Parameter::Int),
        (u64::MAX / 2 + 1..=u64::MAX).prop_map(Parameter::Uint),
        any::<f64>().prop_filter("JSON has a number for it", |value| value.is_finite()).prop_map(Parameter::Double),
        any::<String>().prop_map(Parameter::String),
    ];
    let name = any::<String>().prop_filter("not of the wire form", |name| {
        !name.starts_with("binary_data") && !name.starts_with("shared_memory_")
    });
    vec((name, value), 0..4).prop_map(Parameters::from_iter)
}

/// A tensor of `datatype` with bytes that are right for it. With `text`, BYTES elements are UTF-8 and floats not NaN,
/// whose payload JSON does not keep.
fn tensor(datatype: DataType, text: bool) -> impl Strategy<Value = Tensor> {
    let shape = vec(0..4_u64, 0..4);
    (shape, parameters(), any::<u64>()).prop_flat_map(move |(shape, parameters, name)| {
        let count = usize::try_from(Tensor::count(&shape).unwrap()).unwrap();
        let data = elements(datatype, count, text);
        data.prop_map(move |data| {
            Tensor::new(name.to_string(), datatype, shape.clone(), data).unwrap().with_parameters(parameters.clone())
        })
    })
}

fn elements(datatype: DataType, count: usize, text: bool) -> BoxedStrategy<Bytes> {
    let joined = |parts: Vec<Vec<u8>>| Bytes::from(parts.concat());
    match datatype {
        DataType::Bool => vec(0..=1_u8, count).prop_map(Bytes::from).boxed(),
        DataType::Bytes if text => vec(any::<String>(), count).prop_map(prefixed).boxed(),
        DataType::Bytes => vec(vec(any::<u8>(), 0..6), count).prop_map(prefixed).boxed(),
        DataType::Fp32 if text => {
            vec(any::<f32>().prop_filter("number", |v| !v.is_nan()).prop_map(|v| v.to_le_bytes().to_vec()), count)
                .prop_map(joined)
                .boxed()
        }
        DataType::Fp64 if text => {
            vec(any::<f64>().prop_filter("number", |v| !v.is_nan()).prop_map(|v| v.to_le_bytes().to_vec()), count)
                .prop_map(joined)
                .boxed()
        }
        _ => vec(any::<u8>(), count * usize::try_from(datatype.size().unwrap()).unwrap()).prop_map(Bytes::from).boxed(),
    }
}

fn prefixed<T: AsRef<[u8]>>(parts: Vec<T>) -> Bytes {
    let mut data = BytesMut::new();
    for part in parts {
        data.put_u32_le(u32::try_from(part.as_ref().len()).unwrap());
        data.put_slice(part.as_ref());
    }
    data.freeze()
}

fn tensors(text: bool) -> impl Strategy<Value = Vec<Tensor>> {
    let datatypes: Vec<DataType> = DataType::ALL
        .into_iter()
        .filter(|datatype| !text || !matches!(datatype, DataType::Fp16 | DataType::Bf16))
        .collect();
    let one = proptest::sample::select(datatypes).prop_flat_map(move |datatype| tensor(datatype, text));
    vec(one, 0..4).prop_filter("names differ", |tensors| {
        tensors.iter().enumerate().all(|(index, one)| tensors[..index].iter().all(|other| other.name != one.name))
    })
}

pub(crate) fn request(text: bool) -> impl Strategy<Value = InferRequest> {
    let output = parameters().prop_map(|parameters| RequestedOutput { name: "y".into(), parameters });
    (proptest::option::of(any::<String>()), parameters(), tensors(text), vec(output, 0..2))
        .prop_map(|(id, parameters, inputs, outputs)| InferRequest { id, parameters, inputs, outputs })
}

pub(crate) fn response(text: bool) -> impl Strategy<Value = InferResponse> {
    (any::<String>(), proptest::option::of(any::<String>()), parameters(), tensors(text)).prop_map(
        |(model_name, id, parameters, outputs)| InferResponse {
            model_name,
            model_version: id.clone(),
            id,
            parameters,
            outputs,
        },
    )
}

/// Writes a request for a backend and reads it as a server.
fn there(request: &InferRequest, binary: bool) -> (InferRequest, ReplyForm) {
    let form = WireForm { binary, non_finite: NonFinite::Token };
    let (headers, body) = encode_request(request, &form).unwrap();
    (oip().decode_infer)(&headers, whole(body), None, &Limits::default()).unwrap()
}

/// Writes an answer as a server and reads it as a client.
fn back(response: &InferResponse, form: &ReplyForm) -> InferResponse {
    let (head, body) = (oip().encode_infer)(response, form, NonFinite::Token).unwrap().into_parts();
    decode_response(&head.headers, whole(body), &Limits::default()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn requests_survive_binary(request in request(false)) {
        let (again, form) = there(&request, true);
        prop_assert!(request.outputs.iter().all(|output| form.is_binary(&output.name)) && form.is_binary("another"));
        prop_assert_eq!(again, request);
    }

    #[test]
    fn requests_survive_json(request in request(true)) {
        let (again, form) = there(&request, false);
        prop_assert_eq!(again, request);
        prop_assert_eq!(form, ReplyForm::default());
    }

    #[test]
    fn answers_survive_binary(response in response(false)) {
        prop_assert_eq!(back(&response, &ReplyForm::binary()), response);
    }

    #[test]
    fn answers_survive_json(response in response(true)) {
        prop_assert_eq!(back(&response, &ReplyForm::default()), response);
    }

    #[test]
    fn answers_survive_a_mixture(response in response(true), choices in vec(any::<bool>(), 4)) {
        let asked: Vec<String> = response.outputs.iter().zip(choices)
            .map(|(output, binary)| format!(r#"{{"name":"{}","parameters":{{"binary_data":{binary}}}}}"#, output.name))
            .collect();
        let (_, form) = read(format!(r#"{{"inputs":[],"outputs":[{}]}}"#, asked.join(","))).unwrap();
        prop_assert_eq!(back(&response, &form), response);
    }

    #[test]
    fn numbers_are_read_as_the_standard_library_reads_them(
        text in r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
    ) {
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
        for headers in [HeaderMap::new(), json_length(&length.to_string())] {
            let body = Bytes::from(body.clone());
            let request = (oip().decode_infer)(&headers, body.clone(), None, &Limits::default());
            if let Err(refusal) = request {
                prop_assert_eq!((oip().encode_refusal)(&refusal).status(), 400);
            }
            let _ = decode_response(&headers, body.clone(), &Limits::default());
            let _ = client::decode_metadata(&body);
            let _ = client::decode_error(&body);
            let _ = client::decode_health(&body);
        }
    }

    #[test]
    fn broken_messages_never_panic(request in request(false), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (headers, body) = encode_request(&request, &WireForm { binary: true, ..WireForm::default() }).unwrap();
        let body = whole(body);
        let mut changed = body.to_vec();
        let place = at.index(changed.len());
        changed[place] = byte;
        for body in [body.slice(..place), changed.into()] {
            if let Err(refusal) = (oip().decode_infer)(&headers, body, None, &Limits::default()) {
                prop_assert_eq!((oip().encode_refusal)(&refusal).status(), 400);
            }
        }
    }
}
