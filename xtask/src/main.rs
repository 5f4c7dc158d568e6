//! The only entry point for tools.
fn main() {}
