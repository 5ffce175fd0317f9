//! One file a command.

pub(crate) mod call;
pub(crate) mod can;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod generate;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod top;
