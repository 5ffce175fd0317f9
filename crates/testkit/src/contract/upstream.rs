//! The contract of `core::Upstream`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::BodyExt;
use sluicegate_core::{
    BackendModel, BoxFuture, Call, CallBody, CallClass, CallError, DataType, Deadline, Endpoint, Fields, InferRequest,
    InferResponse, Inquiry, Operation, Protocol, Reply, RequestedOutput, Tensor, Unnamed, Upstream,
};

use crate::waiting::{PATIENCE, within};

/// An implementation under test, and a model it serves: one FP32 input `x`, one FP32 output `y`, which is `x` again,
/// bit for bit and in its shape.
pub struct UpstreamFixture {
    /// The implementation.
    pub upstream: Arc<dyn Upstream>,
    /// Where the model is.
    pub endpoint: Endpoint,
    /// The model that echoes.
    pub model: BackendModel,
    /// A shape the model takes. Finite, so that every wire form can carry it.
    pub shape: Vec<u64>,
    /// Whether the backend can describe its models. If not, `metadata` must say so, not fail.
    pub describes: bool,
    /// A model that takes a request and does not answer; `None` where the implementation cannot be made to wait.
    pub stall: Option<Stall>,
}

/// A call that hangs, and how to see it end.
pub struct Stall {
    /// Where the model is.
    pub endpoint: Endpoint,
    /// The model.
    pub model: BackendModel,
    /// Ends when the backend has the request.
    pub begun: BoxFuture<'static, ()>,
    /// Ends when the backend knows that nobody waits any more.
    pub cancelled: BoxFuture<'static, ()>,
}

/// Runs the whole contract.
///
/// # Panics
/// A part of it is broken: the message names it.
pub async fn upstream(fixture: UpstreamFixture) {
    fixture.echoes_exactly().await;
    fixture.echoes_again_at_the_same_time().await;
    fixture.gives_the_requested_output().await;
    fixture.takes_its_own_protocols_bytes().await;
    fixture.takes_messages_without_names().await;
    fixture.does_not_know_other_models().await;
    fixture.keeps_a_deadline_that_has_passed().await;
    fixture.describes_the_model().await;
    fixture.says_whether_it_is_ready().await;
    fixture.cancels_when_dropped().await;
}

impl UpstreamFixture {
    async fn echoes_exactly(&self) {
        let values = self.values();
        let answer = self.infer(Vec::new(), &values).await;
        let outputs: Vec<&str> = answer.outputs.iter().map(|output| output.name.as_str()).collect();
        assert_eq!(outputs, ["y"], "upstream contract: the model's outputs");
        self.assert_echo(&answer, &values);
    }

    /// Calls at once must not take each other's answers.
    async fn echoes_again_at_the_same_time(&self) {
        let one = self.values();
        let other: Vec<f32> = one.iter().rev().copied().collect();
        let calls = async { tokio::join!(self.infer(Vec::new(), &one), self.infer(Vec::new(), &other)) };
        let (first, second) = within("upstream contract: two calls at once", calls).await;
        self.assert_echo(&first, &one);
        self.assert_echo(&second, &other);
    }

    async fn gives_the_requested_output(&self) {
        let wanted = vec![RequestedOutput { name: "y".to_owned(), ..RequestedOutput::default() }];
        let values = self.values();
        let answer = self.infer(wanted, &values).await;
        assert_eq!(answer.outputs.len(), 1, "upstream contract: one requested output, one answered");
        self.assert_echo(&answer, &values);
    }

    async fn takes_its_own_protocols_bytes(&self) {
        let values = self.values();
        let (body, content_type) = match self.upstream.native() {
            Some(Protocol::OipRest) => (oip_rest_body(&self.shape, &values), "application/json"),
            Some(Protocol::OipGrpc | Protocol::GrpcHealth | Protocol::GrpcReflection | Protocol::OpenAi) | None => {
                (Bytes::from_static(b"{}"), "application/json")
            }
        };
        let mut call = self.call(self.model.clone(), CallBody::Wire(body.clone().into()), soon());
        call.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        call.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let result = within("upstream contract: a call in wire form", self.upstream.call(&self.endpoint, call)).await;
        match (self.upstream.native(), result) {
            (None, Err(error)) => {
                assert_eq!(error.class, CallClass::Client, "upstream contract: bytes where tensors are taken: {error}");
            }
            (None, Ok(reply)) => {
                panic!("upstream contract: bytes were taken by one that takes tensors only: {reply:?}")
            }
            (Some(_), Ok(Reply::Wire(answer))) => {
                let (head, body) = answer.into_parts();
                let body = within("upstream contract: the answer's body", body.collect()).await;
                let Ok(body) = body.map(http_body_util::Collected::to_bytes) else {
                    panic!("upstream contract: the answer's body broke off");
                };
                assert!(head.status.is_success(), "upstream contract: wire answer {}: {body:?}", head.status);
                assert!(body.windows(3).any(|window| window == b"\"y\""), "upstream contract: no output in {body:?}");
            }
            (Some(_), Ok(Reply::Tensors(..) | Reply::Unnamed(..))) => {
                panic!("upstream contract: bytes went in, tensors came out")
            }
            (Some(protocol), Err(error)) => panic!("upstream contract: {} not taken: {error}", protocol.as_str()),
        }
    }

    /// The names are the upstream's to write; the answer has none either, or is decoded.
    async fn takes_messages_without_names(&self) {
        let values = self.values();
        let message = Unnamed { id: Some("without".to_owned()), rest: oip_grpc_rest(&self.shape, &values) };
        let call = self.call(self.model.clone(), CallBody::Unnamed(message), soon());
        let result = within("upstream contract: a message without names", self.upstream.call(&self.endpoint, call));
        match (self.upstream.passes(), result.await) {
            (None, Err(error)) => {
                assert_eq!(error.class, CallClass::Client, "upstream contract: a message not taken: {error}");
            }
            (Some(_), Ok(Reply::Unnamed(answer, _))) => {
                let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
                let echoed = answer.rest.windows(bytes.len()).any(|window| window == bytes);
                assert!(echoed, "upstream contract: no echo in {:?}", answer.rest);
            }
            (Some(_), Ok(Reply::Tensors(answer, _))) => self.assert_echo(&answer, &values),
            (passes, result) => panic!("upstream contract: a message without names, {passes:?}: {result:?}"),
        }
    }

    async fn does_not_know_other_models(&self) {
        let stranger = BackendModel { name: "no-such-model-here".into(), version: None };
        let call = self.call(stranger, CallBody::from(self.request(Vec::new(), &self.values())), soon());
        let error = self.fails("an unknown model", call).await;
        assert_eq!(error.class, CallClass::NotFound, "upstream contract: an unknown model: {error}");
    }

    async fn keeps_a_deadline_that_has_passed(&self) {
        let request = self.request(Vec::new(), &self.values());
        let call = self.call(self.model.clone(), CallBody::from(request), Deadline(now()));
        let error = self.fails("a deadline that has passed", call).await;
        assert_eq!(error.class, CallClass::Timeout, "upstream contract: a deadline that has passed: {error}");
    }

    async fn describes_the_model(&self) {
        let inquiry = inquiry(self.model.clone());
        let asked = within("upstream contract: metadata", self.upstream.metadata(&self.endpoint, inquiry)).await;
        match asked {
            Ok(Some(metadata)) => {
                assert!(self.describes, "upstream contract: described, though the fixture says it cannot");
                assert_eq!(metadata.name, *self.model.name, "upstream contract: the name in the metadata");
                let inputs: Vec<_> = metadata.inputs.iter().map(|one| (one.name.as_str(), one.datatype)).collect();
                let outputs: Vec<_> = metadata.outputs.iter().map(|one| (one.name.as_str(), one.datatype)).collect();
                assert_eq!(inputs, [("x", DataType::Fp32)], "upstream contract: inputs in the metadata");
                assert_eq!(outputs, [("y", DataType::Fp32)], "upstream contract: outputs in the metadata");
            }
            Ok(None) => assert!(!self.describes, "upstream contract: no metadata, though the fixture says there is"),
            Err(error) => panic!("upstream contract: metadata: {error}"),
        }
    }

    async fn says_whether_it_is_ready(&self) {
        let known = self.upstream.ready(&self.endpoint, inquiry(self.model.clone()));
        match within("upstream contract: ready", known).await {
            Ok(ready) => assert!(ready, "upstream contract: the model answers but is not ready"),
            Err(error) => panic!("upstream contract: ready: {error}"),
        }
        let stranger = BackendModel { name: "no-such-model-here".into(), version: None };
        let unknown = self.upstream.ready(&self.endpoint, inquiry(stranger));
        match within("upstream contract: ready of an unknown model", unknown).await {
            Ok(ready) => assert!(!ready, "upstream contract: an unknown model is ready"),
            Err(error) => {
                let right = matches!(error.class, CallClass::NotFound | CallClass::NotReady);
                assert!(right, "upstream contract: ready of an unknown model: {error}");
            }
        }
    }

    async fn cancels_when_dropped(self) {
        let request = self.request(Vec::new(), &self.values());
        let deadline = Deadline(now() + PATIENCE * 4);
        let Some(model) = self.stall.as_ref().map(|stall| stall.model.clone()) else { return };
        let call = self.call(model, CallBody::from(request), deadline);
        let Some(stall) = self.stall else { return };
        tokio::select! {
            biased;
            result = self.upstream.call(&stall.endpoint, call) => {
                panic!("upstream contract: the call that was to hang came to {result:?}");
            }
            () = within("upstream contract: the backend to get the request", stall.begun) => {}
        }
        // The select has dropped the call.
        within("upstream contract: the backend to see a dropped call", stall.cancelled).await;
    }

    async fn infer(&self, outputs: Vec<RequestedOutput>, values: &[f32]) -> InferResponse {
        let request = self.request(outputs, values);
        let call = self.call(self.model.clone(), CallBody::from(request), soon());
        match within("upstream contract: an answer", self.upstream.call(&self.endpoint, call)).await {
            Ok(Reply::Tensors(answer, _)) => answer,
            Ok(reply @ (Reply::Wire(_) | Reply::Unnamed(..))) => {
                panic!("upstream contract: tensors went in, bytes came out: {reply:?}")
            }
            Err(error) => panic!("upstream contract: {error}"),
        }
    }

    async fn fails(&self, what: &str, call: Call) -> CallError {
        match within(&format!("upstream contract: {what}"), self.upstream.call(&self.endpoint, call)).await {
            Ok(reply) => panic!("upstream contract: {what} was answered: {reply:?}"),
            Err(error) => error,
        }
    }

    fn call(&self, model: BackendModel, body: CallBody, deadline: Deadline) -> Call {
        Call { operation: Operation::Infer, model, body, headers: Fields::new(), deadline }
    }

    fn request(&self, outputs: Vec<RequestedOutput>, values: &[f32]) -> InferRequest {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        match Tensor::new("x", DataType::Fp32, self.shape.clone(), data.into()) {
            Ok(input) => InferRequest { inputs: vec![input], outputs, ..InferRequest::default() },
            Err(error) => panic!("upstream contract: the fixture's shape: {error}"),
        }
    }

    /// Finite values that are easily spoiled: signs of zero, the smallest and largest, what decimal cannot write.
    fn values(&self) -> Vec<f32> {
        let hard = [0.1, -0.0, f32::MAX, f32::MIN_POSITIVE, 1e-45, -16_777_217.0, 1.0 / 3.0, 0.0];
        let count = usize::try_from(Tensor::count(&self.shape).unwrap_or(0)).unwrap_or(0);
        hard.into_iter().cycle().take(count).collect()
    }

    fn assert_echo(&self, answer: &InferResponse, values: &[f32]) {
        let Some(output) = answer.outputs.iter().find(|output| output.name == "y") else {
            panic!("upstream contract: no output 'y'");
        };
        assert_eq!(output.datatype(), DataType::Fp32, "upstream contract: the output's datatype");
        assert_eq!(output.shape(), self.shape, "upstream contract: the output's shape");
        let sent: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(output.data(), &sent, "upstream contract: the echo, bit for bit");
    }
}

fn inquiry(model: BackendModel) -> Inquiry {
    Inquiry { model, headers: Fields::new(), deadline: soon() }
}

fn oip_rest_body(shape: &[u64], values: &[f32]) -> Bytes {
    format!(r#"{{"inputs":[{{"name":"x","datatype":"FP32","shape":{shape:?},"data":{values:?}}}]}}"#).into()
}

/// A `ModelInferRequest` from its tensors on. Lengths are below 128, so that a byte holds each.
fn oip_grpc_rest(shape: &[u64], values: &[f32]) -> Bytes {
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2, bytes.len().to_le_bytes()[0]], bytes].concat();
    let dimensions: Vec<u8> = shape.iter().map(|dimension| dimension.to_le_bytes()[0]).collect();
    let tensor = [field(1, b"x"), field(2, b"FP32"), field(3, &dimensions)].concat();
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    [field(5, &tensor), field(7, &data)].concat().into()
}

fn soon() -> Deadline {
    Deadline(now() + Duration::from_secs(10))
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests;
