//! The beam-operator binary.
fn main() {}
