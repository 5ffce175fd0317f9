//! Calls that change or tell how a model server is set up, in one form for every protocol.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Deadline, Fields};

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Management {
    /// Load a model, or load it anew.
    Load,
    /// Unload a model.
    Unload,
    /// Tell or change what is traced, of a model or of all.
    Trace,
    /// Tell or change what is logged.
    Log,
    /// Tell the regions of the system's shared memory.
    SystemMemoryStatus,
    /// Register a region of the system's shared memory.
    SystemMemoryRegister,
    /// Forget one region, or all.
    SystemMemoryUnregister,
    /// Tell the regions of a GPU's shared memory.
    CudaMemoryStatus,
    /// Register a region of a GPU's shared memory.
    CudaMemoryRegister,
    /// Forget one region, or all.
    CudaMemoryUnregister,
}

/// One such call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What is to be done.
    pub what: Management,
    /// The model, by the name that the reader uses; always with `Load` and `Unload`, else only where one is meant.
    pub model: Option<Arc<str>>,
    /// The region of shared memory; `None` means all.
    pub region: Option<Arc<str>>,
    /// A JSON object as Triton's REST extensions have it. Empty: nothing is given, nothing is to be changed.
    pub body: Bytes,
}

/// An order to one endpoint.
#[derive(Clone, Debug)]
pub struct ManageCall {
    /// The order, by the backend's names.
    pub order: Order,
    /// Request id and trace context.
    pub headers: Fields,
    /// When to give up.
    pub deadline: Deadline,
}
