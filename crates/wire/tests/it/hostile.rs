//! Messages made to hurt: every one is refused, quickly and for the stated reason.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::HeaderValue;
use sluicegate_core::{Fields, Kind};
use sluicegate_wire::Limits;
use sluicegate_wire::oip_rest::client;

use crate::bytes_of::{json_length, oip, read, read_binary, refused};

fn reason(json: impl Into<Bytes>) -> String {
    read(json).unwrap_err().to_string()
}

#[test]
fn depth_bombs() {
    let (open, close) = ("[".repeat(10_000), "]".repeat(10_000));
    let deep = "bad_request: the JSON is wrong at byte";
    for json in [
        format!(r#"{{"x":{open}{close},"inputs":[]}}"#),
        format!(r#"{{"x":{},"inputs":[]}}"#, r#"{"a":"#.repeat(10_000)),
        format!(r#"{{"inputs":[{{"x":{open}{close}}}]}}"#),
        format!(r#"{{"inputs":[{{"data":{open}{close},"name":"a"}}]}}"#),
    ] {
        let reason = reason(json);
        assert!(reason.starts_with(deep) && reason.ends_with("nested too deep"), "{reason}");
    }
    assert!(reason(format!(r#"{{"parameters":{{"x":{open}{close}}},"inputs":[]}}"#)).contains("a parameter must be"));
    assert!(refused("INT8", "[1]", &format!("{open}1{close}")).contains("tensor 'x': its data is nested otherwise"));
    assert!(refused("INT8", &open, "[1]").contains("tensor 'x': a dimension must be"));
    // One less than the limit is taken: the message is the first level.
    assert!(read(format!(r#"{{"x":{}{},"inputs":[]}}"#, "[".repeat(63), "]".repeat(63))).is_ok());
    assert!(read(format!(r#"{{"x":{}{},"inputs":[]}}"#, "[".repeat(64), "]".repeat(64))).is_err());
}

#[test]
fn a_million_keys() {
    let keys = |count: usize| (0..count).map(|index| format!("\"k{index}\":0,")).collect::<String>();
    assert!(reason(format!("{{{}\"inputs\":[]}}", keys(1_000_000))).ends_with("an object has too many members"));
    let parameters = keys(1_000_000);
    let json = format!(r#"{{"parameters":{{{}}},"inputs":[]}}"#, parameters.trim_end_matches(','));
    assert!(reason(json).ends_with("too many parameters"));
    // In a value that nobody reads they are passed over.
    assert!(read(format!(r#"{{"x":{{{}}},"inputs":[]}}"#, keys(1_000_000).trim_end_matches(','))).is_ok());
}

#[test]
fn duplicate_keys() {
    for json in [
        r#"{"inputs":[],"inputs":[]}"#,
        r#"{"id":"a","inputs":[],"id":"a"}"#,
        r#"{"model_name":"a","inputs":[],"model_name":"b"}"#,
        r#"{"inputs":[{"name":"x","name":"x"}]}"#,
        r#"{"inputs":[{"shape":[1],"datatype":"INT8","sh\u0061pe":[2]}]}"#,
        r#"{"inputs":[],"outputs":[{"name":"x","name":"y"}]}"#,
    ] {
        assert!(reason(json).ends_with("a key is given twice in one object"), "{json}");
    }
    assert!(reason(r#"{"inputs":[],"parameters":{"a":null,"a":1}}"#).ends_with("a parameter is given twice"));
    let json = r#"{"inputs":[],"parameters":{"a":1,"a":1}}"#;
    assert_eq!(reason(json), "bad_request: the JSON is wrong at byte 37: a parameter is given twice");
    let input = r#"{"name":"x","shape":[0],"datatype":"INT8","data":[]}"#;
    assert_eq!(reason(format!(r#"{{"inputs":[{input},{input}]}}"#)), "invalid_tensor: tensor 'x': it is given twice");
    assert_eq!(
        reason(r#"{"inputs":[],"outputs":[{"name":"y"},{"name":"y"}]}"#),
        "invalid_tensor: output 'y': it is asked for twice"
    );
}

#[test]
fn text_that_is_not_plain_json() {
    for (body, why) in [
        (&b""[..], "at byte 0: expected an inference request"),
        (b"[]", "at byte 0: expected an inference request"),
        (b"null", "at byte 0: expected an inference request"),
        (b"{\"inputs\":[]} {}", "at byte 14: something follows the end"),
        (b"{\"inputs\":[]}\0", "at byte 13: something follows the end"),
        (b"\xef\xbb\xbf{\"inputs\":[]}", "at byte 0: a byte order mark"),
        (b"\xff\xfe{\0}\0", "at byte 0: the text is not UTF-8"),
        (b"{\0\"\0i\0", "at byte 1: expected a key"),
        (b"{\"inputs\":[]", "at byte 12: expected ',' or '}'"),
        (b"{\"inputs\":[],}", "at byte 13: expected a key"),
        (b"{\"inputs\":[,]}", "at byte 11: expected a tensor"),
        (b"{'inputs':[]}", "at byte 1: expected a key"),
        (b"{\"inputs\" []}", "at byte 10: expected ':'"),
        (b"{\"x\":\"\xff\",\"inputs\":[]}", "at byte 6: the text is not UTF-8"),
        (b"{\"x\":\"a\nb\",\"inputs\":[]}", "a bare control character"),
        (b"{\"x\":\"\\x41\",\"inputs\":[]}", "an unknown escape"),
        (b"{\"x\":\"\\u00g0\",\"inputs\":[]}", "four hexadecimal digits"),
        (b"{\"x\":\"\\u\xc3\xa9\xc3\xa9\",\"inputs\":[]}", "four hexadecimal digits"),
        (b"{\"x\":\"\\ud800\",\"inputs\":[]}", "half of a surrogate pair"),
        (b"{\"x\":\"\\ud800\\u0041\",\"inputs\":[]}", "half of a surrogate pair"),
        (b"{\"x\":\"\\udc00\",\"inputs\":[]}", "half of a surrogate pair"),
        (b"{\"x\":\"a", "a string has no end"),
        (b"{\"x\":NaN,\"inputs\":[]}", "at byte 5: expected a value"),
        (b"{\"x\":nulls,\"inputs\":[]}", "at byte 5: expected a value"),
        (b"{\"x\":[1,],\"inputs\":[]}", "a comma before the end of an array"),
        (b"{\"x\":01,\"inputs\":[]}", "a needless zero"),
        (b"{\"x\":-,\"inputs\":[]}", "expected a digit"),
        (b"{\"x\":1.,\"inputs\":[]}", "expected a digit"),
        (b"{\"x\":.5,\"inputs\":[]}", "expected a value"),
        (b"{\"x\":1e+,\"inputs\":[]}", "expected a digit"),
        (b"{\"x\":+1,\"inputs\":[]}", "expected a value"),
        (b"{}", "bad_request: the request has no inputs"),
        (b"{\"inputs\":null}", "expected a list of tensors"),
    ] {
        let reason = reason(body);
        assert!(
            reason.contains(why) && reason.starts_with("bad_request"),
            "{}: {reason}",
            String::from_utf8_lossy(body)
        );
    }
}

#[test]
fn numbers_out_of_bounds() {
    let long = "9".repeat(10_000_000);
    assert!(refused("FP64", "[1]", &format!("[{long}]")).ends_with("a number is too long"));
    assert!(refused("INT64", "[1]", &format!("[{long}]")).ends_with("a number is too long"));
    assert!(reason(format!(r#"{{"x":{long},"inputs":[]}}"#)).ends_with("a number is too long"));
    for (datatype, data) in [
        ("UINT8", "[300]"),
        ("UINT8", "[256]"),
        ("UINT8", "[-1]"),
        ("UINT16", "[65536]"),
        ("UINT32", "[-1]"),
        ("UINT32", "[4294967296]"),
        ("UINT64", "[18446744073709551616]"),
        ("UINT64", "[-1]"),
        ("INT8", "[128]"),
        ("INT8", "[-129]"),
        ("INT16", "[32768]"),
        ("INT32", "[-2147483649]"),
        ("INT64", "[9223372036854775808]"),
        ("INT64", "[-9223372036854775809]"),
        ("INT64", "[100000000000000000000000000000000000000000]"),
        ("FP32", "[1e39]"),
        ("FP32", "[-3.5e38]"),
        ("FP64", "[1e400]"),
        ("FP64", "[-1.8e308]"),
    ] {
        let expected =
            format!("invalid_tensor: tensor 'x': element 0: {datatype} cannot hold this value: it is out of range");
        assert_eq!(refused(datatype, "[1]", data), expected, "{data}");
    }
}

#[test]
fn values_of_another_type_name_the_element() {
    for (datatype, value, why) in [
        ("INT32", "1.5", "must be a number without fraction or exponent"),
        ("INT32", "1.0", "must be a number without fraction or exponent"),
        ("INT32", "1e2", "must be a number without fraction or exponent"),
        ("INT32", "null", "must be a number without fraction or exponent"),
        ("INT32", "NaN", "must be a number without fraction or exponent"),
        ("UINT8", "true", "must be a number without fraction or exponent"),
        ("FP32", "\"1\"", "must be a number"),
        ("FP32", "true", "must be a number"),
        ("FP32", "nan", "must be a number"),
        ("FP64", "{}", "must be a number"),
        ("BOOL", "2", "must be true or false"),
        ("BOOL", "1.0", "must be true or false"),
        ("BOOL", "\"true\"", "must be true or false"),
        ("BOOL", "null", "must be true or false"),
        ("BYTES", "1", "must be a string"),
        ("BYTES", "null", "must be a string"),
    ] {
        let good = if datatype == "BYTES" { "\"a\"" } else { "1" };
        let reason = refused(datatype, "[2]", &format!("[{good},{value}]"));
        assert_eq!(reason, format!("invalid_tensor: tensor 'x': element 1: {datatype} {why}"), "{value}");
    }
}

#[test]
fn shapes_that_do_not_fit_the_data() {
    for (shape, data, why) in [
        ("[3]", "[1]", "its data has fewer elements than its shape"),
        ("[1]", "[1,2]", "its data has more elements than its shape"),
        ("[0]", "[1]", "its data has more elements than its shape"),
        ("[2,2]", "[[1,2],[3]]", "its data is nested otherwise than its shape (ragged, or of other dimensions)"),
        ("[2,2]", "[[1,2],[3,4,5]]", "its data is nested otherwise than its shape (ragged, or of other dimensions)"),
        ("[2,2]", "[[1,2],3,4]", "its data is nested otherwise than its shape (ragged, or of other dimensions)"),
        ("[2,2]", "[[1,2]]", "its data is nested otherwise than its shape (ragged, or of other dimensions)"),
        (
            "[2,2]",
            "[[1,2],[3,4],[5,6]]",
            "its data is nested otherwise than its shape (ragged, or of other dimensions)",
        ),
        ("[4]", "[[1],[2],[3],[4]]", "its data is nested otherwise than its shape (ragged, or of other dimensions)"),
        ("[2,1,2]", "[[1,2],[3,4]]", "its data is nested otherwise than its shape (ragged, or of other dimensions)"),
        ("[2]", "7", "its data must be an array"),
        ("[1]", "{}", "its data must be an array"),
        ("[-1]", "[1]", "a dimension must be a whole number from 0 on"),
        ("[1.0]", "[1]", "a dimension must be a whole number from 0 on"),
        ("[\"1\"]", "[1]", "a dimension must be a whole number from 0 on"),
        ("[18446744073709551616]", "[1]", "a dimension must be a whole number from 0 on"),
        ("1", "[1]", "its shape must be a list of dimensions"),
        ("[4294967296,4294967296]", "[1]", "the shape has more elements than can be addressed"),
        ("[18446744073709551615]", "[1]", "the message has more elements than the gateway takes"),
        ("[268435456]", "[1]", "its data has fewer elements than its shape"),
    ] {
        assert_eq!(refused("INT8", shape, data), format!("invalid_tensor: tensor 'x': {why}"), "{shape} {data}");
    }
    let ones = format!("[{}]", vec!["1"; 33].join(","));
    assert!(refused("INT8", &ones, "[1]").ends_with("tensor 'x': its shape has too many dimensions"));
}

#[test]
fn the_specifications_own_bad_example() {
    let json = r#"{"id":"42","inputs":[
        {"name":"input0","shape":[2,2],"datatype":"UINT32","data":[1,2,3,4]},
        {"name":"input1","shape":[3],"datatype":"BOOL","data":[true]}],"outputs":[{"name":"output0"}]}"#;
    assert_eq!(reason(json), "invalid_tensor: tensor 'input1': its data has fewer elements than its shape");
}

#[test]
fn incomplete_and_contradicting_tensors() {
    for (tensor, why) in [
        (r#"{"shape":[1],"datatype":"INT8","data":[1]}"#, "tensor number 1: it has no name"),
        (r#"{"name":"x","datatype":"INT8","data":[1]}"#, "tensor 'x': it has no shape"),
        (r#"{"name":"x","shape":[1],"data":[1]}"#, "tensor 'x': it has no datatype"),
        (r#"{"name":"x","shape":[1],"datatype":"INT8"}"#, "tensor 'x': it has no data, nor binary_data_size"),
        (r#"{"name":"x","shape":[1],"datatype":"float"}"#, "tensor 'x': its datatype is none of the protocol's"),
        (
            r#"{"name":"x","shape":[1],"datatype":"INT8","data":[1],"parameters":{"binary_data_size":1}}"#,
            "tensor 'x': it has both data and binary_data_size",
        ),
        (
            r#"{"name":"x","shape":[1],"datatype":"INT8","parameters":{"shared_memory_region":"r"}}"#,
            "tensor 'x': shared memory does not reach through a gateway; send the data itself",
        ),
        (
            r#"{"name":"x","shape":[1],"datatype":"INT8","parameters":{"binary_data_size":-1}}"#,
            "tensor 'x': binary_data_size must be a number of bytes",
        ),
        (
            r#"{"name":"x","shape":[1],"datatype":"INT8","parameters":{"binary_data_size":"1"}}"#,
            "tensor 'x': binary_data_size must be a number of bytes",
        ),
    ] {
        let reason = reason(format!(r#"{{"inputs":[{tensor}]}}"#));
        assert!(reason.starts_with(&format!("invalid_tensor: {why}")), "{reason}");
    }
    let shared = r#"{"inputs":[],"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]}"#;
    assert_eq!(reason(shared), "invalid_tensor: output 'y': shared memory does not reach through a gateway");
    let flag = r#"{"inputs":[],"parameters":{"binary_data_output":1}}"#;
    assert_eq!(reason(flag), "bad_request: the parameter binary_data_output must be true or false");
}

#[test]
fn too_many_tensors_outputs_and_long_names() {
    let many = |item: &str| vec![item; 1025].join(",");
    let input = r#"{"name":"x","shape":[0],"datatype":"INT8","data":[]}"#;
    assert!(reason(format!(r#"{{"inputs":[{}]}}"#, many(input))).ends_with("too many tensors"));
    let names = (0..1025).map(|index| format!(r#"{{"name":"{index}"}}"#)).collect::<Vec<_>>().join(",");
    assert!(reason(format!(r#"{{"inputs":[],"outputs":[{names}]}}"#)).ends_with("too many outputs"));
    assert!(reason(format!(r#"{{"id":"{}","inputs":[]}}"#, "a".repeat(1025))).ends_with("a name is too long"));
}

#[test]
fn elements_of_all_tensors_count_together() {
    let limits = Limits { elements: 3, ..Limits::default() };
    let tensor = |name: &str| format!(r#"{{"name":"{name}","shape":[2],"datatype":"INT8","data":[1,2]}}"#);
    let json = format!(r#"{{"inputs":[{},{}]}}"#, tensor("a"), tensor("b"));
    let refusal = (oip().decode_infer)(&Fields::new(), json.into(), None, &limits).unwrap_err();
    assert_eq!(refusal.public, "tensor 'b': the message has more elements than the gateway takes");
}

#[test]
fn lying_length_headers() {
    for value in ["", "-1", "+2", "0x2", "2 ", "2, 2", "2.0", "18446744073709551616", "two"] {
        let refusal =
            (oip().decode_infer)(&json_length(value), Bytes::from("{}"), None, &Limits::default()).unwrap_err();
        assert_eq!(refusal.kind, Kind::BadRequest);
        assert!(refusal.public.contains("inference-header-content-length must be one number"), "{value}: {refusal}");
        assert!(!(oip().needs_metadata)(&json_length(value)));
    }
    for value in ["3", "18446744073709551615", "9223372036854775808"] {
        let refusal =
            (oip().decode_infer)(&json_length(value), Bytes::from("{}"), None, &Limits::default()).unwrap_err();
        assert!(refusal.public.ends_with("bytes of JSON, but the body has 2"), "{refusal}");
    }
    let mut twice = json_length("2");
    twice.append(crate::bytes_of::JSON_LENGTH, HeaderValue::from_static("2"));
    let refusal = (oip().decode_infer)(&twice, Bytes::from("{}"), None, &Limits::default()).unwrap_err();
    assert!(refusal.public.ends_with("is given more than once"), "{refusal}");
}

#[test]
fn binary_data_that_does_not_fit() {
    let tensor = |datatype: &str, shape: &str, size: &str| {
        format!(
            r#"{{"inputs":[{{"name":"x","shape":{shape},"datatype":"{datatype}","parameters":{{"binary_data_size":{size}}}}}]}}"#
        )
    };
    for (datatype, shape, size, tail, why) in [
        ("INT16", "[2]", "4", &b"abc"[..], "tensor 'x': binary_data_size is 4, but 3 bytes of binary data are left"),
        ("INT16", "[2]", "18446744073709551615", b"abc", "but 3 bytes of binary data are left"),
        ("INT16", "[2]", "4", b"abcde", "bad_request: 1 bytes of binary data belong to no tensor"),
        ("INT16", "[2]", "3", b"abc", "tensor 'x': INT16 of shape [2] needs 4 bytes, got 3"),
        ("FP64", "[268435456]", "8", b"abcdefgh", "needs 2147483648 bytes, got 8"),
        ("BOOL", "[2]", "2", b"\x01\x02", "tensor 'x': a BOOL byte is neither 0 nor 1"),
        ("BYTES", "[1]", "5", b"\xff\xff\xff\xffa", "tensor 'x': a BYTES element reaches past the end of the data"),
        ("BYTES", "[2]", "5", b"\x01\0\0\0a", "tensor 'x': BYTES of shape [2] needs 2 elements, got 1"),
        ("BYTES", "[1]", "3", b"\x01\0\0", "tensor 'x': a BYTES element reaches past the end of the data"),
    ] {
        let reason = read_binary(&tensor(datatype, shape, size), tail).unwrap_err().to_string();
        assert!(reason.contains(why), "{reason}");
    }
    let without_header = read(tensor("INT8", "[1]", "1")).unwrap_err().to_string();
    assert!(without_header.contains("binary_data_size is 1, but 0 bytes"), "{without_header}");
}

#[test]
fn compressed_bodies_are_unpacked_up_to_a_bound() {
    let text = vec![b' '; 4 * 1024 * 1024];
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&text).unwrap();
    let gzip = Bytes::from(gzip.finish().unwrap());
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(&text[..1000]).unwrap();
    let deflate = Bytes::from(deflate.finish().unwrap());
    let open = |coding: &'static str, body: &Bytes, message: u64| {
        let mut headers = Fields::new();
        headers.insert("content-encoding", HeaderValue::from_static(coding));
        (oip().open)(&headers, body.clone(), &Limits { message, ..Limits::default() })
    };
    assert_eq!(open("deflate", &deflate, 1000).unwrap(), text[..1000]);
    assert_eq!(open("deflate", &deflate, 999).unwrap_err().kind, Kind::BodyTooLarge);
    let bomb = open("gzip", &gzip, 1 << 30).unwrap_err();
    assert_eq!(bomb.kind, Kind::BodyTooLarge);
    assert!(bomb.to_string().contains("a hundred times"), "{bomb}");
    let behind = Bytes::from([&deflate[..], b"x"].concat());
    assert_eq!(open("deflate", &behind, 1 << 20).unwrap_err().kind, Kind::BadRequest);
}

#[test]
fn content_encodings() {
    let with = |values: &[&'static str]| {
        let mut headers = Fields::new();
        for value in values {
            headers.append("content-encoding", HeaderValue::from_static(value));
        }
        (oip().open)(&headers, Bytes::from(r#"{"inputs":[]}"#), &Limits::default())
    };
    for good in [&["identity"][..], &["Identity"], &[""], &["identity, identity"]] {
        assert!(with(good).is_ok(), "{good:?}");
    }
    for bad in [&["br"][..], &["gzip, gzip"], &["gzip", "deflate"], &["identity;q=1"]] {
        assert_eq!(with(bad).unwrap_err().kind, Kind::UnsupportedEncoding, "{bad:?}");
    }
    for corrupt in [&["gzip"][..], &["GZip, identity"], &["identity", "deflate"]] {
        assert_eq!(with(corrupt).unwrap_err().kind, Kind::BadRequest, "{corrupt:?}");
    }
    let mut headers = Fields::new();
    headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    assert!(client::decode_response(&headers, Bytes::from(r#"{"outputs":[]}"#), &Limits::default()).is_err());
}
