//! What a client may put on the wire and what must come of it, seen from outside: a corpus with an expected outcome for
//! each row of the threat catalogue, and generated streams whose messages, as they are handed on, every reader must read
//! alike. Knows nothing of how the gateway parses.

mod answers;
mod case;
mod corpus;
mod differential;
mod grammar;
mod play;
mod readers;
mod strict;
mod whole;
