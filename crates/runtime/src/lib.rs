//! The embedded model runtime: ONNX models inside the gateway, behind the upstream port.
//!
//! A file is read once, hashed, looked over as what it is, untrusted input (`check`), and loaded into an engine:
//! tract with our own operators (`ops`), or a given libonnxruntime. Requests run on the runtime's own threads behind a
//! bounded line (`pool`). This room must not know other rooms than `core`, nor sockets.

mod check;
mod describe;
mod engine;
mod factory;
mod file;
mod kind;
mod ops;
mod pool;
mod session;
mod upstream;
mod validate;

pub use factory::Factory;
pub use kind::KIND;
