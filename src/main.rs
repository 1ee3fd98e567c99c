//! The beam-operator binary.
fn main() {
    println!("{}", serde_json::to_string(&beam_operator::api::crd()).unwrap());
}
