//! Endpoints that are found: by a real DNS server's answers, and in files that are swapped, while requests run.

mod behind;
mod dnsmasq;
mod examined;
mod files;
mod names;
mod services;
mod stopped;
