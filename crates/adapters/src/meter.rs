//! Where metrics are read. A meter must not know who scrapes it, nor over what.

pub mod prometheus;
