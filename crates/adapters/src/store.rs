//! Where state is kept that outlives the gateway.

pub mod sqlite;
