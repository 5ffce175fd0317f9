//! The protocol beside another library's, cut anywhere, and over the corpus of its fuzz target.

mod corpus;
mod differential;
mod rules;
mod support;
