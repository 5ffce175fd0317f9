//! What is asked, and of which model: protocol, operation, model and version, each from the one place that decides.

use std::sync::Arc;

use http::HeaderMap;
use sluicegate_core::{Asked, Body, Kind, Operation, Protocol, Refusal};
use sluicegate_wire::{PROTOCOLS, codec};

use super::identity::Identified;
use crate::snapshot::{Model, Snapshot, Version};
use crate::trail::Trail;

/// A request that says what it wants.
pub(crate) enum Named {
    /// Something of the gateway itself.
    Gateway(Asked),
    /// Something of a model that this generation has.
    Model(NamedModel),
}

/// A request for a model.
pub(crate) struct NamedModel {
    protocol: Protocol,
    operation: Operation,
    model: Arc<Model>,
    pinned: Option<Arc<Version>>,
    headers: HeaderMap,
    body: Body,
}

pub(crate) fn name(identified: Identified, snapshot: &Snapshot, trail: &mut Trail) -> Result<Named, Refusal> {
    let head = identified.head();
    let asked = PROTOCOLS.iter().find_map(|codec| (codec.ask)(&head.method, head.uri.path()));
    let asked = asked.unwrap_or_else(|| Err(Refusal::new(Kind::NoSuchPath, "no protocol here has this path")))?;
    trail.asked(&asked);
    if codec(asked.protocol).name_in_body.is_some() {
        return Err(Refusal::new(Kind::NotInThisBuild, "this build does not serve gRPC yet"));
    }
    let Some(name) = asked.model.as_deref() else {
        return Ok(Named::Gateway(asked));
    };
    let not_found = || Refusal::new(Kind::ModelNotFound, "no such model or version");
    let model = snapshot.models.get(name).map(Arc::clone).ok_or_else(not_found)?;
    trail.model(&model);
    let pinned = match asked.version.as_deref() {
        Some(version) => Some(model.version(version).map(Arc::clone).ok_or_else(not_found)?),
        None => None,
    };
    let (head, body) = identified.into_parts();
    let (protocol, operation) = (asked.protocol, asked.operation);
    Ok(Named::Model(NamedModel { protocol, operation, model, pinned, headers: head.headers, body }))
}

impl NamedModel {
    pub(crate) const fn operation(&self) -> Operation {
        self.operation
    }

    pub(super) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(super) const fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(super) const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The version the client named, if it did.
    pub(super) const fn pinned(&self) -> Option<&Arc<Version>> {
        self.pinned.as_ref()
    }

    pub(super) fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }
}
