//! Orders to model servers: whatever is written in either protocol is read back the same.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use sluicegate_core::{Kind, Management, Operation, Order, Protocol, Refusal};
use sluicegate_wire::grpc::frame::PREFIX;
use sluicegate_wire::{codec, document, oip_grpc, oip_rest};

use crate::grpc_answers::message_of;

fn order(what: Management, model: Option<&str>, region: Option<&str>, body: &Value) -> Order {
    let body = if body.is_null() { Bytes::new() } else { document(body.clone()).into() };
    Order { what, model: model.map(Into::into), region: region.map(Into::into), body }
}

fn orders() -> Vec<Order> {
    use Management as M;
    let file = json!({ "parameters": { "config": "{}", "file:1/model.py": "AAEC/w==", "n": -5, "force": true } });
    vec![
        order(M::Load, Some("a b%é"), None, &Value::Null),
        order(M::Load, Some("m"), None, &file),
        order(M::Unload, Some("m"), None, &json!({ "parameters": { "unload_dependents": true } })),
        order(M::Trace, None, None, &Value::Null),
        order(
            M::Trace,
            Some("m"),
            None,
            &json!({ "trace_level": ["TIMESTAMPS", "TENSORS"], "trace_rate": "5", "x": null }),
        ),
        order(M::Log, None, None, &json!({ "log_info": false, "log_verbose_level": 7, "log_file": "f" })),
        order(M::Log, None, None, &Value::Null),
        order(M::SystemMemoryStatus, None, None, &Value::Null),
        order(M::SystemMemoryStatus, None, Some("r"), &Value::Null),
        order(
            M::SystemMemoryRegister,
            None,
            Some("r s"),
            &json!({ "byte_size": 18_446_744_073_709_551_615_u64, "key": "/k", "offset": 3 }),
        ),
        order(M::SystemMemoryUnregister, None, None, &Value::Null),
        order(M::CudaMemoryStatus, None, Some("r"), &Value::Null),
        order(
            M::CudaMemoryRegister,
            None,
            Some("r"),
            &json!({ "byte_size": 9, "device_id": 1, "raw_handle": { "b64": "AAEC/w==" } }),
        ),
        order(M::CudaMemoryUnregister, None, Some("r"), &Value::Null),
    ]
}

fn read(protocol: Protocol, method: &Method, path: &str, body: &Bytes) -> Result<Order, Refusal> {
    let codec = codec(protocol);
    let asked = (codec.ask)(method, path).unwrap()?;
    assert_eq!(asked.operation, Operation::Manage, "{path}");
    (codec.manage.unwrap().decode)(method, path, body)
}

#[test]
fn what_is_written_is_read_back() {
    for order in orders() {
        let (method, path) = oip_rest::client::order_target(&order);
        assert_eq!(read(Protocol::OipRest, &method, &path, &order.body).unwrap(), order, "{method} {path}");
        let (path, framed) = oip_grpc::client::encode_order(&order).unwrap();
        assert_eq!(read(Protocol::OipGrpc, &Method::POST, &path, &framed.slice(PREFIX..)).unwrap(), order, "{path}");
    }
}

#[test]
fn answers_pass_through_grpc_and_come_out_as_rest_has_them() {
    use Management as M;
    let region = |name: &str| json!({ "byte_size": 16, "device_id": 2, "name": name });
    for (what, told) in [
        (M::Trace, json!({ "trace_level": ["OFF"], "trace_rate": "1000", "trace_file": "" })),
        (M::Log, json!({ "log_error": true, "log_file": "", "log_verbose_level": 0 })),
        (M::SystemMemoryStatus, json!([{ "byte_size": 16, "key": "/k", "name": "r", "offset": 0 }])),
        (M::SystemMemoryStatus, json!([])),
        // In the order of their names, which a message's map does not keep.
        (M::CudaMemoryStatus, json!(["a", "b", "c", "d", "e", "f"].map(region))),
        (M::CudaMemoryStatus, json!([{ "byte_size": 16, "device_id": 2, "name": "r" }])),
    ] {
        let encode = codec(Protocol::OipGrpc).manage.unwrap().encode;
        let answer = message_of(encode(what, told.to_string().into()).unwrap());
        let again = oip_grpc::client::decode_order(what, &answer).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&again).unwrap(), told);
    }
}

#[test]
fn what_cannot_be_read_or_written_is_refused() {
    for (path, body, kind) in [
        ("/v2/repository/models/m/load", "[1]", Kind::BadRequest),
        ("/v2/repository/models/m/load", "{", Kind::BadRequest),
        ("/v2/repository/models/..%2fm/load", "", Kind::BadRequest),
        ("/v2/repository/r/models/m/load", "", Kind::BadRequest),
        ("/v2/models/m/versions/1/trace/setting", "", Kind::NoSuchPath),
        ("/v2/systemsharedmemory/register", "", Kind::NoSuchPath),
        ("/v2/systemsharedmemory/status", "", Kind::MethodNotAllowed),
        ("/v2/repository/models//load", "", Kind::NoSuchPath),
    ] {
        let refused = read(Protocol::OipRest, &Method::POST, path, &Bytes::from_static(body.as_bytes())).unwrap_err();
        assert_eq!(refused.kind, kind, "{path}");
    }
    for (what, body) in [
        (Management::Load, json!({ "parameters": { "x": 1.5 } })),
        (Management::Load, json!({ "parameters": { "file:1/x": "no base64!" } })),
        (Management::Log, json!({ "x": -1 })),
        (Management::Trace, json!({ "x": {} })),
        (Management::SystemMemoryRegister, json!({ "byte_size": "many" })),
    ] {
        let order = order(what, Some("m"), None, &body);
        assert!(oip_grpc::client::encode_order(&order).is_err(), "{body}");
    }
    // No model, and a repository.
    let load = |message: &'static [u8]| {
        let path = "/inference.GRPCInferenceService/RepositoryModelLoad";
        read(Protocol::OipGrpc, &Method::POST, path, &Bytes::from_static(message)).unwrap_err().kind
    };
    assert_eq!(load(b""), Kind::BadRequest);
    assert_eq!(load(b"\x0a\x01r\x12\x01m"), Kind::BadRequest);
    assert_eq!(load(b"\xff"), Kind::BadRequest);
}
