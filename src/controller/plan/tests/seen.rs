//! What the operator sees of the world.

use kube::ResourceExt;

use super::world::World;
use crate::controller::cache::{Cache, Change, Key, Lack, Unreadable};
use crate::controller::kind::ChildKind;
use crate::controller::live::LiveChild;

impl World {
    /// What the operator's watches have told it.
    pub fn cache(&self) -> Cache {
        let mut cache = Cache::default();
        for release in self.releases.values() {
            if self.unreadable.contains(&release.name_any()) {
                let metadata = release.metadata.clone();
                cache.releases.put_unreadable(Unreadable { metadata, ..Unreadable::default() });
            } else {
                cache.on_release(Change::Seen(release.clone()));
            }
        }
        for ((kind, name), stored) in self.objects.iter().filter(|(_, stored)| stored.is_watched()) {
            let live = stored.live(name);
            let seen = if *kind == ChildKind::Secret { LiveChild::without_content(live.metadata) } else { live.into() };
            cache.on_child(*kind, Change::Seen(seen));
        }
        for pod in &self.pods {
            cache.on_pod(Change::Seen(serde_json::from_value(pod.clone()).unwrap()));
        }
        match &self.route {
            Some(route) => {
                for change in [Change::Begin, Change::Seen(route.live()), Change::End] {
                    cache.on_route(change);
                }
            }
            None => drop(cache.lose_routes(Lack::NotInstalled)),
        }
        for (release, (revision, template)) in &self.pinned {
            cache.pin(Key::new("store", release), revision, template.clone());
        }
        cache
    }
}
