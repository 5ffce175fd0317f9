//! Listeners over TLS, from outside: a real TLS client, and bytes that are none.
//!
//! Rows of the catalogue of attacks that are shown here: T-01 (old versions and ciphers), T-02 (slow and half
//! handshakes), T-08 (a pair that cannot be used), T-11 (renegotiation and KeyUpdate floods). T-01's client without a
//! name is each one here: a listener has one certificate, which all get. A name unlike the request's host is refused
//! once listeners have several (421). T-05 and T-04 are about certificates of clients, which nobody is asked for here;
//! what holds for those of servers is the adapters' to show.

mod clients;
mod closing;
mod handshakes;
mod leaving_whole;
mod pairs;
mod swapping;
