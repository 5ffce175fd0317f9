//! Builds embedded upstreams, and carries equal sessions and pools from one generation of the configuration to the
//! next. Holds them weakly: what no generation uses is let go.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sluicegate_core::{BackendPlan, BuildError, BuildUpstream, Clock, ModelSource, Upstream};

use crate::file;
use crate::kind::Settings;
use crate::pool::Pool;
use crate::session::Session;
use crate::upstream::Embedded;

/// Builds upstreams of kind `embedded`.
pub struct Factory {
    clock: Arc<dyn Clock>,
    sessions: Mutex<HashMap<SessionKey, Weak<Session>>>,
    pools: Mutex<HashMap<PoolKey, Weak<Pool>>>,
}

/// What makes two sessions equal: the bytes, the folder that external data is taken from, and what bounds them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SessionKey {
    path: Arc<str>,
    digest: String,
    settings: String,
}

/// What makes two pools equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PoolKey {
    backend: Arc<str>,
    threads: usize,
    queue: usize,
}

impl Factory {
    /// A factory whose upstreams take the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sessions: Mutex::default(), pools: Mutex::default() }
    }

    fn session(&self, source: &ModelSource, settings: &Settings) -> Result<Arc<Session>, String> {
        let read = file::read(&source.path, &source.digest, settings.limits)?;
        let key = SessionKey {
            path: Arc::clone(&source.path),
            digest: read.digest.clone(),
            settings: format!("{:?} {:?}", settings.limits, settings.onnxruntime),
        };
        let known = self.sessions.lock().get(&key).and_then(Weak::upgrade);
        if let Some(session) = known.filter(|session| session.is_current()) {
            return Ok(session);
        }
        let session = Arc::new(Session::load(read, settings)?);
        let mut sessions = self.sessions.lock();
        sessions.retain(|_, session| session.strong_count() > 0);
        sessions.insert(key, Arc::downgrade(&session));
        Ok(session)
    }

    fn pool(&self, plan: &BackendPlan, settings: &Settings) -> Result<Arc<Pool>, BuildError> {
        let key = PoolKey { backend: Arc::clone(&plan.name), threads: settings.threads, queue: settings.queue };
        let mut pools = self.pools.lock();
        if let Some(pool) = pools.get(&key).and_then(Weak::upgrade) {
            return Ok(pool);
        }
        let pool = Pool::start(settings.threads, settings.queue, Arc::clone(&self.clock)).map_err(|error| {
            let message = format!("no {} threads for the embedded runtime: {error}; lower `threads`", settings.threads);
            BuildError { span: plan.span.clone(), message }
        })?;
        let pool = Arc::new(pool);
        pools.retain(|_, pool| pool.strong_count() > 0);
        pools.insert(key, Arc::downgrade(&pool));
        Ok(pool)
    }
}

impl BuildUpstream for Factory {
    fn build(&self, plan: &BackendPlan) -> Result<Arc<dyn Upstream>, Vec<BuildError>> {
        let mut errors = Vec::new();
        let fault = |message: &str| BuildError { span: plan.span.clone(), message: message.to_owned() };
        let Some(settings) = plan.settings.downcast_ref::<Settings>() else {
            return Err(vec![fault("the settings are of another kind than 'embedded'")]);
        };
        let mut models = HashMap::new();
        for loaded in &plan.models {
            let name = &loaded.model.name;
            let Some(source) = &loaded.source else {
                errors.push(fault(&format!("model '{name}' names no file; give it `source: PATH.onnx`")));
                continue;
            };
            match self.session(source, settings) {
                Ok(session) => drop(models.insert(loaded.model.clone(), session)),
                Err(message) => {
                    let message = format!("model '{name}' ({}): {message}", source.path);
                    errors.push(BuildError { span: source.span.clone(), message });
                }
            }
        }
        let pool = self.pool(plan, settings).map_err(|error| errors.push(error));
        match pool {
            Ok(pool) if errors.is_empty() => Ok(Arc::new(Embedded { pool, models })),
            _ => Err(errors),
        }
    }
}

impl std::fmt::Debug for Factory {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Factory").field("sessions", &self.sessions.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
