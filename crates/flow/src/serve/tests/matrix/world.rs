//! The house as a gateway: its configuration, its keys, and model servers that note what they hear.

use sluicegate_config::{AccessRule, Effect, Tenant};
use sluicegate_core::{DataType, Fact, KeyFault, ManageCall, OperationSet, Principal, PrincipalKind, TensorMetadata};

use super::super::guard::span;
use super::expected::{self, House, Rule, Who};
use super::*;

/// The configuration of the house, as its words would be read.
pub(super) fn configured(house: &House) -> Resolved {
    let mut resolved = resolved();
    let listener = &mut resolved.listeners[0];
    listener.authenticate = vec![Method::ApiKey];
    if house.takes_anonymous {
        listener.authenticate.push(Method::Anonymous);
    }
    listener.management = house.management;
    listener.limits.body = 1 << 20;
    let exposed = house.models.iter().filter(|model| model.exposed).map(|model| Arc::from(model.name)).collect();
    listener.expose = (!house.exposes_all).then_some(exposed);
    let named = |name: &&str| Tenant { name: Arc::from(*name), description: None, span: span() };
    resolved.tenants = house.tenants.iter().map(named).collect();
    let talk = Backend {
        plan: BackendPlan { name: Arc::from("talk"), kind: "talk", ..resolved.backends[0].plan.clone() },
        ..resolved.backends[0].clone()
    };
    resolved.backends.push(talk);
    let model = |model: &expected::Model| {
        let version = |name: &&str| Version {
            name: Arc::from(*name),
            backend: Arc::from(if model.name == "t" { "talk" } else { "b" }),
            model: BackendModel { name: Arc::from(model.name), version: Some(Arc::from(*name)) },
            source: None,
            span: span(),
        };
        Model {
            name: Arc::from(model.name),
            versions: model.versions.iter().map(version).collect(),
            stable: model.versions.iter().position(|version| *version == model.stable).unwrap(),
            policy: if model.observed { PolicyMode::Observe } else { PolicyMode::Enforce },
            access: model.access.as_ref().map(|rules| rules.iter().map(rule).collect()),
            ..resolved.models[0].clone()
        }
    };
    resolved.models = house.models.iter().map(model).collect();
    resolved
}

fn rule(rule: &Rule) -> AccessRule {
    AccessRule {
        effect: if rule.allows { Effect::Allow } else { Effect::Deny },
        who: match &rule.who {
            Who::Everyone => sluicegate_config::Who::Everyone,
            Who::Tenant(name) => sluicegate_config::Who::Tenant(Arc::from(*name)),
            Who::Group(name) => sluicegate_config::Who::Group(Arc::from(*name)),
            Who::Principal(id) => sluicegate_config::Who::Principal(Arc::from(*id)),
        },
        versions: rule.versions.as_ref().map(|names| names.iter().map(|name| Arc::from(*name)).collect()),
        operations: set(rule.operations.as_deref().unwrap_or(&["run", "read"])),
        span: span(),
    }
}

fn set(words: &[&str]) -> OperationSet {
    words.iter().map(|word| OperationSet::named(word).unwrap()).fold(OperationSet::NONE, OperationSet::union)
}

/// The keys of all callers.
pub(super) struct Known;

impl Keys for Known {
    fn find(&self, presented: &str, _: SystemTime) -> Result<Arc<Principal>, KeyFault> {
        let caller = CALLERS.iter().find(|caller| caller.key == presented).unwrap();
        match presented {
            "unknown" => return Err(KeyFault::Unknown),
            "malformed" => return Err(KeyFault::Malformed),
            "revoked" => return Err(KeyFault::Revoked(Arc::from("k"))),
            "expired" => return Err(KeyFault::Expired(Arc::from("k"))),
            _ => {}
        }
        Ok(Arc::new(Principal {
            id: Arc::from(format!("key:{presented}")),
            kind: PrincipalKind::Key,
            tenant: caller.tenant.map(Arc::from),
            groups: caller.groups.iter().map(|group| Arc::from(*group)).collect(),
            scopes: caller.scopes.map_or(OperationSet::ALL, set),
            models: caller.models.map(|models| models.iter().map(|model| Arc::from(*model)).collect()),
            purposes: Arc::default(),
        }))
    }
}

/// A model server that does whatever it is asked and notes for which version, and whether it speaks OpenAI's API.
pub(super) struct Listening(pub(super) bool, pub(super) Arc<Mutex<Vec<String>>>);

struct Server {
    talks: bool,
    heard: Arc<Mutex<Vec<String>>>,
}

impl BuildUpstream for Listening {
    fn build(&self, _: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        Ok(Arc::new(Server { talks: self.0, heard: Arc::clone(&self.1) }))
    }
}

impl Server {
    fn hear(&self, model: &BackendModel) {
        self.heard.lock().push(format!("{}@{}", model.name, model.version.as_deref().unwrap_or("")));
    }
}

impl Upstream for Server {
    fn native(&self) -> Option<Protocol> {
        self.talks.then_some(Protocol::OpenAi)
    }

    fn call<'a>(&'a self, _: &'a Endpoint, call: Call) -> BoxFuture<'a, Result<Reply, CallError>> {
        self.hear(&call.model);
        Box::pin(async move {
            Ok(match call.body {
                CallBody::Tensors(request) => {
                    let outputs = request.inputs.clone();
                    Reply::Tensors(InferResponse { outputs, ..InferResponse::default() }, None)
                }
                _ => Reply::Wire(Outbound::new(Body::from("{}".to_owned()))),
            })
        })
    }

    fn metadata<'a>(
        &'a self,
        _: &'a Endpoint,
        asked: Inquiry,
    ) -> BoxFuture<'a, Result<Option<ModelMetadata>, CallError>> {
        self.hear(&asked.model);
        let input = TensorMetadata { name: "x".to_owned(), datatype: DataType::Int64, shape: vec![1] };
        Box::pin(async { Ok(Some(ModelMetadata { inputs: vec![input], ..ModelMetadata::default() })) })
    }

    fn ready<'a>(&'a self, _: &'a Endpoint, asked: Inquiry) -> BoxFuture<'a, Result<bool, CallError>> {
        self.hear(&asked.model);
        Box::pin(async { Ok(true) })
    }

    fn fact<'a>(&'a self, _: &'a Endpoint, _: Fact, asked: Inquiry) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        self.hear(&asked.model);
        Box::pin(async { Ok(None) })
    }

    fn manage<'a>(&'a self, _: &'a Endpoint, call: ManageCall) -> BoxFuture<'a, Result<Option<Bytes>, CallError>> {
        self.heard.lock().push(format!("{:?}", call.order.what));
        Box::pin(async { Ok(Some(Bytes::from_static(b"{}"))) })
    }
}
