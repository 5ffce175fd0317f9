//! What tests need and no crate of the product may have: clients and servers that speak raw bytes and lie about
//! framing, a network in memory, time and chance held in the hand, and the tests every implementation of a port must
//! pass.
//!
//! Dev-dependency only. Knows `core`, no other room: a listener or connector trait of another room is implemented for
//! [`MemoryListener`] or [`MemoryDialer`] by a few lines in that room's tests. Everything that waits waits for an event
//! and fails with words when it does not come.

#![expect(clippy::panic, reason = "a test kit's errors are failed tests")]

pub mod certs;
mod clock;
pub mod contract;
mod dice;
mod event;
mod frames;
mod memory;
mod recorder;
mod response;
mod script;
mod stages;
mod upstream;
mod waiting;
mod wire;

pub use clock::FakeClock;
pub use dice::{FixedDice, SeededDice};
pub use event::Event;
pub use frames::{Frame, Frames, kept, literal};
pub use memory::{MemoryDialer, MemoryListener, MemoryNet};
pub use recorder::{Ended, Recorded, Recorder};
pub use response::{Response, message_end};
pub use script::{Answering, Script, Step};
pub use stages::Stages;
pub use upstream::Upstream;
pub use waiting::{PATIENCE, wait_for, within};
pub use wire::Wire;
