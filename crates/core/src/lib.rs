//! The words every room shares, and the ports through which the outside is reached.
//!
//! Holds plain data (tensors, canonical requests, refusals, records, the configuration's text tree) and traits. It must
//! not know a runtime, a socket, a file, or any other room.

mod body;
mod boxed;
mod call;
mod catalog;
mod discovery;
mod examine;
pub mod fields;
pub mod http1;
mod inbound;
mod infer;
mod keys;
pub mod limits;
mod manage;
pub mod memory;
mod message;
mod mixing;
mod network;
mod node;
mod operation;
mod parameters;
mod principal;
mod record;
mod refusal;
mod seams;
mod shape;
mod store;
mod tally;
mod tensor;
mod tls;
mod tokens;
mod units;
mod usage;
mod worker;

pub use body::{Body, BodyError, BodyStream, BoxBody, Part};
pub use boxed::boxed;
pub use call::{
    BackendModel, BoxFuture, Call, CallBody, CallClass, CallError, Deadline, Endpoint, Fact, Inquiry, Metadata, Reply,
    ReplyStream, Sent, Unnamed, Upstream, one_reply,
};
pub use catalog::{BackendPlan, BuildError, BuildUpstream, Catalog, LoadedModel, ModelSource, Settings, UpstreamKind};
pub use discovery::{Discover, EndpointSource, Found, Lookup, MAX_ENDPOINTS, distinct};
pub use examine::{Finding, Introduction, Level, Listed};
pub use fields::Fields;
pub use inbound::{Inbound, Leisure, Outbound};
pub use infer::{
    ASK_FINAL, FINAL, InferRequest, InferResponse, ModelMetadata, NonFinite, RequestedOutput, TensorMetadata,
};
pub use keys::{KEY_MARK, KeyFault, Keys};
pub use manage::{ManageCall, Management, Order};
pub use memory::{Lease, Memory};
pub use message::{RequestHead, Response};
pub use mixing::{Mix, Mixing};
pub use network::{Network, NetworkError};
pub use node::{Mistake, Node, Source, Span, Value};
pub use operation::{Asked, Operation, OperationSet, Protocol};
pub use parameters::{Parameter, Parameters};
pub use principal::{Identity, Principal, PrincipalKind};
pub use record::{Outcome, Record, RecordSink, Served, Traffic};
pub use refusal::{Blame, Kind, KindFacts, Refusal, Retry, Severity};
pub use seams::{Clock, Dice};
pub use shape::{Field, Shape, suggest};
pub use store::{
    Cause, Change, Deed, Digest, Grant, KeyRow, KeyState, KeyStore, MAX_KEYS, Mark, NewKey, Reading, Revision, Rotated,
    Rotation, StoreError,
};
pub use tally::Tally;
pub use tensor::{BytesElements, DataType, Tensor, TensorError};
pub use tls::{KeyPair, Pem, TlsIdentity};
pub use tokens::{ClaimNames, ClaimPath, IssuerPlan, KeySource, TenantClaim, TokenAlgorithm, TokenFault, Tokens};
pub use units::{Share, duration};
pub use usage::Usage;
pub use worker::{Entered, PerWorker, Worker};
