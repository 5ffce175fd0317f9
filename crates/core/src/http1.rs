//! The framing of HTTP/1 messages that the door and the client to backends share: chunks read strictly, and bytes gathered
//! on their way out. Pure: nothing here reads or writes a socket.

mod chunks;
mod gather;

pub use chunks::{ChunkRead, Chunks};
pub use gather::Gather;
