//! darkroom.
fn main() {}
