//! The contract itself is tested on an implementation that can be told to break each part of it.

use std::sync::Arc;

use sluicegate_core::{
    BackendModel, BoxFuture, Call, CallBody, CallClass, CallError, DataType, Endpoint, InferResponse, Inquiry,
    ModelMetadata, Protocol, Reply, Sent, Tensor, TensorMetadata, Upstream,
};

use super::{Stall, UpstreamFixture, upstream};
use crate::Event;

/// One way to be wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    LosesTheSignOfZero,
    AnswersStrangers,
    ForgetsDeadlines,
    DescribesWrongly,
    NeverReady,
    OutlivesItsCaller,
}

struct Echo {
    fault: Fault,
    begun: Event,
    dropped: Event,
}

impl Upstream for Echo {
    fn native(&self) -> Option<Protocol> {
        None
    }

    fn call<'a>(&'a self, _: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        Box::pin(async move {
            let fail = |class| Err(CallError::new(class, Sent::Nothing, "told to"));
            if call.deadline.0 <= super::now() && self.fault != Fault::ForgetsDeadlines {
                return fail(CallClass::Timeout);
            }
            let CallBody::Tensors(request) = call.body else { return fail(CallClass::Client) };
            if &*call.model.name == "stuck" {
                let guard = self.dropped.on_drop();
                if self.fault == Fault::OutlivesItsCaller {
                    std::mem::forget(guard);
                }
                self.begun.release();
                std::future::pending::<()>().await;
            }
            if &*call.model.name != "echo" && self.fault != Fault::AnswersStrangers {
                return fail(CallClass::NotFound);
            }
            let input = request.inputs[0].clone();
            let data = match self.fault {
                Fault::LosesTheSignOfZero => input
                    .data()
                    .chunks(4)
                    .flat_map(|bytes| if bytes == [0, 0, 0, 0x80] { &[0; 4] } else { bytes }.to_vec())
                    .collect(),
                _ => input.data().clone(),
            };
            let output = Tensor::new("y", input.datatype(), input.shape().to_vec(), data).unwrap();
            Ok(Reply::Tensors(InferResponse { outputs: vec![output], ..InferResponse::default() }, None))
        })
    }

    fn metadata<'a>(
        &'a self,
        _: &'a Endpoint,
        inquiry: Inquiry,
    ) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        let datatype = if self.fault == Fault::DescribesWrongly { DataType::Fp64 } else { DataType::Fp32 };
        let one = |name: &str| vec![TensorMetadata { name: name.to_owned(), datatype, shape: vec![-1] }];
        let (inputs, outputs) = (one("x"), one("y"));
        let name = inquiry.model.name.to_string();
        Box::pin(async move { Ok(Some(ModelMetadata { name, inputs, outputs, ..ModelMetadata::default() })) })
    }

    fn ready<'a>(&'a self, _: &'a Endpoint, inquiry: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        let ready = &*inquiry.model.name == "echo" && self.fault != Fault::NeverReady;
        Box::pin(async move { Ok(ready) })
    }
}

fn fixture(fault: Fault) -> UpstreamFixture {
    let (begun, dropped) = (Event::new(), Event::new());
    let echo = Echo { fault, begun: begun.clone(), dropped: dropped.clone() };
    let endpoint = Endpoint { authority: "memory".into(), prefix: "".into(), host: None, tls: None };
    let model = |name: &str| BackendModel { name: name.into(), version: None };
    UpstreamFixture {
        upstream: Arc::new(echo),
        endpoint: endpoint.clone(),
        model: model("echo"),
        shape: vec![2, 4],
        describes: true,
        stall: Some(Stall {
            endpoint,
            model: model("stuck"),
            begun: Box::pin(async move { begun.wait().await }),
            cancelled: Box::pin(async move { dropped.wait().await }),
        }),
    }
}

#[tokio::test(start_paused = true)]
async fn a_right_one_passes() {
    upstream(fixture(Fault::None)).await;
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_found() {
    for (fault, words) in [
        (Fault::LosesTheSignOfZero, "bit for bit"),
        (Fault::AnswersStrangers, "an unknown model was answered"),
        (Fault::ForgetsDeadlines, "a deadline that has passed was answered"),
        (Fault::DescribesWrongly, "inputs in the metadata"),
        (Fault::NeverReady, "not ready"),
        (Fault::OutlivesItsCaller, "see a dropped call"),
    ] {
        let tasks = tokio::task::LocalSet::new();
        let run = tasks.run_until(async { tokio::task::spawn_local(upstream(fixture(fault))).await });
        let failed = run.await.expect_err(words).into_panic();
        let message = match failed.downcast::<String>() {
            Ok(message) => *message,
            Err(other) => (*other.downcast::<&str>().expect("a message")).to_owned(),
        };
        assert!(message.contains(words), "{message}");
    }
}
