//! What Kubernetes does in the world: it gives what runs pods its pods, and collects garbage.

use std::collections::BTreeSet;

use kube::ResourceExt;
use serde_json::{Value, json};

use super::world::{ROUNDS, World};
use crate::controller::kind::ChildKind;

impl World {
    /// Kubernetes has replaced every pod of a release, and the operator has seen it.
    pub fn roll_out(&mut self, release: &str) {
        let pods = self.releases[release].spec.replicas;
        let kind = ChildKind::of_workload(&self.releases[release]);
        self.object_mut(kind, release).theirs["status"] =
            json!({"replicas": pods, "updatedReplicas": pods, "readyReplicas": pods, "availableReplicas": pods});
        self.settle();
    }

    /// Kubernetes gives every Deployment the pods that it is to have.
    pub fn kubernetes(&mut self) {
        for name in self.names(ChildKind::Deployment).into_iter().map(ToOwned::to_owned).collect::<Vec<_>>() {
            let pods = self.object(ChildKind::Deployment, &name).unwrap().replicas();
            self.object_mut(ChildKind::Deployment, &name).theirs["status"] =
                json!({"replicas": pods, "updatedReplicas": pods, "readyReplicas": pods, "availableReplicas": pods});
        }
    }

    /// The operator and Kubernetes go on until nothing moves any more without the time doing so.
    pub fn kubernetes_settles(&mut self) {
        for _ in 0..4 * ROUNDS {
            self.settle();
            let statuses = |world: &Self| -> Vec<_> {
                world.objects.values().map(|object| object.theirs["status"].clone()).collect()
            };
            let before = statuses(self);
            self.kubernetes();
            if statuses(self) == before {
                return;
            }
        }
        panic!("not at rest");
    }

    /// Kubernetes has replaced every pod of every release that has what runs its pods.
    pub fn roll_out_all(&mut self) {
        for release in self.releases.keys().cloned().collect::<Vec<_>>() {
            let kind = ChildKind::of_workload(&self.releases[&release]);
            if self.object(kind, &release).is_some_and(|object| object.ours.is_some()) {
                self.roll_out(&release);
            }
        }
    }

    /// What is being deleted goes, and so does what nobody owns any more.
    pub fn collect(&mut self) -> bool {
        let before = self.objects.clone();
        let living: BTreeSet<_> = self.releases.values().filter_map(ResourceExt::uid).collect();
        let is_living = |uid: &Value| uid.as_str().is_some_and(|uid| living.contains(uid));
        self.objects.retain(|_, object| !object.deleting && object.outlives(is_living));
        self.stop();
        let moved = before != self.objects;
        if moved {
            self.tick();
        }
        moved
    }

    /// Of a StatefulSet that is to have no pods the last one stops some day.
    fn stop(&mut self) {
        let version = self.tick();
        for ((kind, name), object) in &mut self.objects {
            let is_empty = *kind == ChildKind::StatefulSet && object.live(name).data["spec"]["replicas"] == 0;
            if is_empty && object.theirs["status"]["replicas"].as_i64().is_some_and(|pods| pods > 0) {
                object.theirs["status"] = json!({});
                object.version = version;
            }
        }
    }
}
