//! The embedded runtime from outside: through its factory and the upstream port, over the files in `tests/models`.

#![expect(unreachable_pub, reason = "one binary: its modules are public to each other only")]

mod harness;
mod hostile;
mod references;
