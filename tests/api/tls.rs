//! Certificates of clusters whose nodes speak TLS: made and renewed by the operator, or brought by people.
//!
//! Runs with an API server and the garbage collector of the controller manager.

mod brought;
mod managed;

use beam_operator::resources::tls::issue::{self, Issued, Role};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::harness::Scene;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What somebody else's authority makes.
fn authority() -> Issued {
    issue::authority(Timestamp::now(), Timestamp::now() + HOUR * 24 * 100).unwrap()
}

fn issued(authority: &Issued, name: &str, valid: SignedDuration) -> Issued {
    let signer = (authority.certificate.as_str(), authority.key.as_str());
    // Its beginning lies ten minutes before the time that is given.
    issue::leaf(Role::Node, name, signer, Timestamp::now(), Timestamp::now() + valid).unwrap()
}

fn secrets(scene: &Scene) -> Api<Secret> {
    Api::namespaced(scene.client.clone(), &scene.name)
}

/// What a Secret holds under a key.
async fn value(scene: &Scene, secret: &str, key: &str) -> String {
    let found = secrets(scene).get(secret).await.unwrap();
    String::from_utf8(found.data.unwrap().remove(key).unwrap().0).unwrap()
}
