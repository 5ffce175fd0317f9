//! Nothing is lost in translation: any canonical message, sent in any form and read again, is what [`rules`] says it
//! becomes, to the last bit, or is refused in the words that it says.
//!
//! Each generated message goes every way. `cargo xtask properties` does it with a million and writes the figures down.

mod generate;
mod peers;
mod rules;

use std::cell::RefCell;
use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRunner};
use sluicegate_core::{
    BackendModel, Fields, InferRequest, InferResponse, NonFinite, Outbound, Parameter, Parameters, Protocol, Tensor,
};
use sluicegate_wire::oip_grpc::client::{self as grpc, Peer};
use sluicegate_wire::oip_rest::client::{self as rest, WireForm};
use sluicegate_wire::{Limits, ReplyForm, codec};

use self::rules::Outcome;
use crate::bytes_of::{oip, whole};
use crate::grpc_answers::{content_type, message_of, unframed};

pub(crate) use self::generate::{request, response};
pub(crate) use self::peers::{seen, typed_request};

/// A way from one canonical message to another: through one form, or through several in sequence. The number chooses
/// what the sender may choose.
struct Way<T> {
    name: &'static str,
    go: fn(&T, u64) -> Outcome<T>,
    rule: fn(&T, u64) -> Outcome<T>,
}

const TOKEN: NonFinite = NonFinite::Token;

const REQUESTS: &[Way<InferRequest>] = &[
    Way {
        name: "request: REST JSON, NaN as a word",
        go: |it, _| rest_json(it, TOKEN),
        rule: |it, _| rules::rest_json(it, TOKEN),
    },
    Way {
        name: "request: REST JSON, NaN as null",
        go: |it, _| rest_json(it, NonFinite::Null),
        rule: |it, _| rules::rest_json(it, NonFinite::Null),
    },
    Way {
        name: "request: REST JSON, read by serde_json too",
        go: |it, _| rest_json(it, NonFinite::Reject),
        rule: |it, _| rules::rest_json(it, NonFinite::Reject),
    },
    Way { name: "request: REST binary data", go: |it, _| rest_binary(it), rule: |it, _| rules::rest_binary(it) },
    Way {
        name: "request: REST from a client, JSON and binary data mixed",
        go: rest_mixed,
        rule: |it, bits| rules::rest_mixed(&sendable(it), |index| chosen(it, index, bits)),
    },
    Way { name: "request: gRPC raw", go: |it, _| grpc_raw(it, false), rule: |it, _| rules::grpc(it, false) },
    Way {
        name: "request: gRPC raw, parameters of three kinds",
        go: |it, _| grpc_raw(it, true),
        rule: |it, _| rules::grpc(it, true),
    },
    Way { name: "request: gRPC typed from a client", go: |it, _| grpc_typed(it), rule: |it, _| rules::grpc_typed(it) },
    Way {
        name: "request: REST binary data, gRPC, REST binary data",
        go: |it, _| rest_binary(&grpc_raw(&rest_binary(it)?, false)?),
        rule: |it, _| rules::rest_binary(&rules::grpc(&rules::rest_binary(it)?, false)?),
    },
    Way {
        name: "request: REST JSON, gRPC, REST JSON",
        go: |it, _| rest_json(&grpc_raw(&rest_json(it, TOKEN)?, false)?, TOKEN),
        rule: |it, _| rules::rest_json(&rules::grpc(&rules::rest_json(it, TOKEN)?, false)?, TOKEN),
    },
    Way {
        name: "request: gRPC typed, REST JSON, gRPC raw",
        go: |it, _| grpc_raw(&rest_json(&grpc_typed(it)?, TOKEN)?, false),
        rule: |it, _| rules::grpc(&rules::rest_json(&rules::grpc_typed(it)?, TOKEN)?, false),
    },
];

const ANSWERS: &[Way<InferResponse>] = &[
    Way {
        name: "answer: REST JSON, NaN as a word",
        go: |it, _| rest_answer(it, TOKEN, &ReplyForm::default()),
        rule: |it, _| rules::rest_answer(it, TOKEN, |_| false),
    },
    Way {
        name: "answer: REST JSON, NaN as null",
        go: |it, _| rest_answer(it, NonFinite::Null, &ReplyForm::default()),
        rule: |it, _| rules::rest_answer(it, NonFinite::Null, |_| false),
    },
    Way {
        name: "answer: REST JSON, finite only",
        go: |it, _| rest_answer(it, NonFinite::Reject, &ReplyForm::default()),
        rule: |it, _| rules::rest_answer(it, NonFinite::Reject, |_| false),
    },
    Way {
        name: "answer: REST binary data",
        go: |it, _| rest_answer(it, NonFinite::Reject, &ReplyForm::binary()),
        rule: |it, _| rules::rest_answer(it, NonFinite::Reject, |_| true),
    },
    Way {
        name: "answer: REST JSON and binary data mixed",
        go: |it, bits| rest_answer(it, TOKEN, &mixed_reply(it, bits)),
        rule: |it, bits| rules::rest_answer(it, TOKEN, |index| bits >> index & 1 == 1),
    },
    Way { name: "answer: gRPC", go: |it, _| grpc_answer(it), rule: |it, _| rules::grpc_answer(it) },
    Way { name: "answer: gRPC stream", go: |it, _| grpc_item(it), rule: |it, _| rules::grpc_answer(it) },
    Way {
        name: "answer: gRPC typed from a server",
        go: |it, _| grpc_typed_answer(it),
        rule: |it, _| rules::grpc_typed_answer(it),
    },
    Way {
        name: "answer: gRPC, REST binary data, gRPC",
        go: |it, _| grpc_answer(&rest_answer(&grpc_answer(it)?, TOKEN, &ReplyForm::binary())?),
        rule: |it, _| rules::grpc_answer(&rules::rest_answer(&rules::grpc_answer(it)?, TOKEN, |_| true)?),
    },
    Way {
        name: "answer: gRPC typed, REST JSON, gRPC",
        go: |it, _| grpc_answer(&rest_answer(&grpc_typed_answer(it)?, TOKEN, &ReplyForm::default())?),
        rule: |it, _| rules::grpc_answer(&rules::rest_answer(&rules::grpc_typed_answer(it)?, TOKEN, |_| false)?),
    },
];

#[test]
fn requests_go_every_way() {
    every_way(request(), REQUESTS);
}

#[test]
fn answers_go_every_way() {
    every_way(response(), ANSWERS);
}

/// Sends each message every way and holds the outcome against the rule. Prints a row for each way.
#[expect(clippy::print_stdout, reason = "the figures that `cargo xtask properties` writes down")]
fn every_way<T: Same + Debug>(messages: impl Strategy<Value = T>, ways: &[Way<T>]) {
    let cases = std::env::var("PROPTEST_CASES").map_or(10_000, |cases| cases.parse().unwrap());
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        rng_algorithm: RngAlgorithm::XorShift,
        ..ProptestConfig::default()
    });
    let counts = RefCell::new(vec![(0_u32, 0_u32); ways.len()]);
    let outcome = runner.run(&(messages, any::<u64>()), |(message, bits)| {
        for (way, (carried, refused)) in ways.iter().zip(counts.borrow_mut().iter_mut()) {
            match ((way.go)(&message, bits), (way.rule)(&message, bits)) {
                (Ok(found), Ok(expected)) if found.same(&expected) => *carried += 1,
                (Err(found), Err(expected)) if found == expected => *refused += 1,
                (found, expected) => {
                    let text = format!("{}\nfound {found:?}\nby the rule {expected:?}", way.name);
                    return Err(TestCaseError::fail(text));
                }
            }
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    for (way, (carried, refused)) in ways.iter().zip(counts.into_inner()) {
        println!("| {} | {cases} | {carried} | {refused} |", way.name);
        assert!(carried > cases / 10 && (refused > 0 || cases < 10_000), "{} shows nothing", way.name);
    }
}

/// Equal to the last bit, where `==` would tell two NaN apart and two zeros not.
trait Same {
    fn same(&self, other: &Self) -> bool;
}

impl Same for InferRequest {
    fn same(&self, other: &Self) -> bool {
        self.id == other.id
            && self.parameters.same(&other.parameters)
            && self.inputs.same(&other.inputs)
            && self.outputs.len() == other.outputs.len()
            && self
                .outputs
                .iter()
                .zip(&other.outputs)
                .all(|(left, right)| left.name == right.name && left.parameters.same(&right.parameters))
    }
}

impl Same for InferResponse {
    fn same(&self, other: &Self) -> bool {
        (&self.model_name, &self.model_version, &self.id) == (&other.model_name, &other.model_version, &other.id)
            && self.parameters.same(&other.parameters)
            && self.outputs.same(&other.outputs)
    }
}

impl Same for Vec<Tensor> {
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().zip(other).all(|(left, right)| {
                (&left.name, left.datatype(), left.shape()) == (&right.name, right.datatype(), right.shape())
                    && left.data() == right.data()
                    && left.parameters.same(&right.parameters)
            })
    }
}

impl Same for Parameters {
    /// Clients of generated code send them sorted: the order says nothing.
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(name, value)| match (value, other.get(name)) {
                (Parameter::Double(left), Some(Parameter::Double(right))) => left.to_bits() == right.to_bits(),
                (left, right) => Some(left) == right,
            })
    }
}

fn rest_binary(request: &InferRequest) -> Outcome<InferRequest> {
    let form = WireForm { binary: true, non_finite: NonFinite::Reject };
    let (headers, body) = rest::encode_request(request, &form).map_err(|error| error.to_string())?;
    let (request, reply) = read_rest(&headers, whole(body))?;
    assert!(reply.is_binary("an output that is not named"));
    assert!(request.outputs.iter().all(|output| reply.is_binary(&output.name)));
    Ok(request)
}

/// Half-width floats are numbers in JSON to a backend, but not to a client; what the backend gets is read as its answer.
fn rest_json(request: &InferRequest, policy: NonFinite) -> Outcome<InferRequest> {
    let form = WireForm { binary: false, non_finite: policy };
    let write = |request: &InferRequest| rest::encode_request(request, &form).map_err(|error| error.to_string());
    let (headers, body) = write(request)?;
    let body = whole(body);
    assert!(policy != NonFinite::Reject || peers::reads_the_same(&body, request), "another library reads otherwise");
    if !request.inputs.iter().any(|input| input.datatype() == sluicegate_core::DataType::Fp16) {
        return Ok(read_rest(&headers, body)?.0);
    }
    let (_, inputs) = write(&InferRequest { inputs: request.inputs.clone(), ..InferRequest::default() })?;
    let echo = String::from_utf8(whole(inputs).to_vec()).unwrap().replacen(r#""inputs":"#, r#""outputs":"#, 1);
    let echo = rest::decode_response(&Fields::new(), echo.into(), &Limits::default());
    let (headers, others) = write(&InferRequest { inputs: Vec::new(), ..request.clone() })?;
    let inputs = echo.map_err(|error| error.to_string())?.outputs;
    Ok(InferRequest { inputs, ..read_rest(&headers, whole(others))?.0 })
}

fn rest_mixed(request: &InferRequest, bits: u64) -> Outcome<InferRequest> {
    let request = sendable(request);
    let (headers, body) = peers::rest_request(&request, |index| chosen(&request, index, bits), bits >> 63 == 1);
    Ok(read_rest(&headers, body)?.0)
}

/// Less the parameters that a client has no number for in JSON.
fn sendable(request: &InferRequest) -> InferRequest {
    let finite = |parameters: &mut Parameters| {
        let good = |value: &Parameter| !matches!(value, Parameter::Double(value) if !value.is_finite());
        let kept = parameters.iter().filter(|(_, value)| good(value));
        *parameters = kept.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    };
    let mut request = request.clone();
    finite(&mut request.parameters);
    request.inputs.iter_mut().for_each(|input| finite(&mut input.parameters));
    request.outputs.iter_mut().for_each(|output| finite(&mut output.parameters));
    request
}

/// Whether a client sends the input as JSON, where it may choose.
fn chosen(request: &InferRequest, index: usize, bits: u64) -> bool {
    bits >> index & 1 == 1 && peers::has_json(&request.inputs[index])
}

fn read_rest(headers: &Fields, body: Bytes) -> Outcome<(InferRequest, ReplyForm)> {
    (oip().decode_infer)(headers, body, None, &Limits::default()).map_err(|refusal| refusal.public.into_owned())
}

fn grpc_raw(request: &InferRequest, old: bool) -> Outcome<InferRequest> {
    let model = BackendModel { name: "m".into(), version: Some("1".into()) };
    let framed = grpc::encode_request(request, &model, &Peer { parameters_double_uint64: !old });
    read_grpc(unframed(&framed.map_err(|error| error.to_string())?))
}

fn grpc_typed(request: &InferRequest) -> Outcome<InferRequest> {
    read_grpc(typed_request(request))
}

fn read_grpc(message: Bytes) -> Outcome<InferRequest> {
    let read = (codec(Protocol::OipGrpc).decode_infer)(&content_type(), message, None, &Limits::default());
    Ok(read.map_err(|refusal| refusal.public.into_owned())?.0)
}

fn rest_answer(response: &InferResponse, policy: NonFinite, form: &ReplyForm) -> Outcome<InferResponse> {
    let answer = (oip().encode_infer)(response, form, policy).map_err(|refusal| refusal.public.into_owned())?;
    let (head, body) = answer.into_parts();
    rest::decode_response(&head.headers, whole(body), &Limits::default()).map_err(|error| error.to_string())
}

/// What a client asked for that wants some outputs as binary data and some not.
fn mixed_reply(response: &InferResponse, bits: u64) -> ReplyForm {
    let asked = response.outputs.iter().enumerate().map(|(index, output)| {
        serde_json::json!({ "name": output.name, "parameters": { "binary_data": bits >> index & 1 == 1 } })
    });
    let outputs: serde_json::Value = asked.collect();
    let body = serde_json::json!({ "inputs": [], "outputs": outputs }).to_string();
    read_rest(&Fields::new(), body.into()).unwrap().1
}

fn grpc_answer(response: &InferResponse) -> Outcome<InferResponse> {
    let answer: Result<Outbound, _> =
        (codec(Protocol::OipGrpc).encode_infer)(response, &ReplyForm::default(), NonFinite::Reject);
    let message = message_of(answer.map_err(|refusal| refusal.public.into_owned())?);
    grpc::decode_response(message, &Limits::default()).map_err(|error| error.to_string())
}

fn grpc_item(response: &InferResponse) -> Outcome<InferResponse> {
    let stream = codec(Protocol::OipGrpc).stream.unwrap();
    let item = (stream.item)(response, &ReplyForm::default(), NonFinite::Reject);
    let message = unframed(&item.map_err(|refusal| refusal.public.into_owned())?);
    match grpc::decode_streamed(message, &Limits::default()).map_err(|error| error.to_string())? {
        grpc::Streamed::Answer(response) => Ok(response),
        other => panic!("{other:?}"),
    }
}

fn grpc_typed_answer(response: &InferResponse) -> Outcome<InferResponse> {
    grpc::decode_response(peers::typed_response(response), &Limits::default()).map_err(|error| error.to_string())
}
