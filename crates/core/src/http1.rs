//! The framing of HTTP/1 messages that the door and the client to backends share: heads and chunks read strictly, and bytes
//! gathered on their way out. Pure: nothing here reads or writes a socket.

mod chunks;
mod gather;
mod last;
mod scan;

pub use chunks::{ChunkRead, Chunks};
pub use gather::Gather;
pub use last::{GIVEN_UP, LastHead};
pub use scan::{Place, Scan, Stop};
