//! The whole gateway, as users run it: the real binary, real model servers, real clients.

mod cli;
mod documents;
mod http;
mod mlserver;
mod observe;
mod quickstart;
mod reload;
mod shutdown;
mod support;
