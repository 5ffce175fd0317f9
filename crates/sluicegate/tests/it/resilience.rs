//! Endpoints that die, stand still and come back: real MLServers, and callers that know nothing of it.

mod callers;
mod example;
mod killed;
mod pair;
mod stuck;
mod top;
