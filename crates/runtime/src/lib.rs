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
mod model;
mod ops;
mod pool;
mod session;
mod upstream;
mod validate;

pub use factory::Factory;
pub use kind::KIND;
pub use model::Model;

/// Checks and loads a model that is whole in `bytes` (no data outside it), as the gateway would, and drops it again.
/// Bounds are small: 16 MiB for the model and for any tensor. For fuzzing and for tools that only want to know.
///
/// # Errors
/// Why the model is refused.
pub fn probe(bytes: &[u8]) -> Result<(), String> {
    let limits = check::Limits { model: 16 << 20, tensor: 16 << 20 };
    session::apart(|| session::Session::probe(bytes, limits)).map(drop)
}
