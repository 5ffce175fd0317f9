//! Configuration from the outside: text in, mistakes or a resolved configuration out.

mod cases;
mod documents;
mod fuzz;
mod limits;

#[path = "../../../../fuzz/targets/config.rs"]
mod target;
