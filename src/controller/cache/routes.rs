//! HTTPRoutes, as far as anybody asks for them: they are watched only when a release names one.

use std::collections::HashMap;

use super::Key;
use super::listing::{Change, Listing};
use crate::controller::live::LiveChild;
use crate::controller::view::RouteView;

/// What is known of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nobody has looked yet.
    Unknown,
    /// Nobody can look.
    Unavailable(Lack),
    /// There is none of that name.
    Missing,
    /// It is there.
    Seen(RouteView),
}

/// Why nobody can look at routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The API server does not know them.
    NotInstalled,
    /// The operator may not list or watch them.
    Forbidden,
}

/// The routes in the scope.
#[derive(Default)]
pub struct RouteIndex {
    routes: HashMap<Key, RouteView>,
    /// Whether a list of them was complete, or why there is none; `None` before anybody has looked.
    state: Option<Result<(), Lack>>,
    listing: Listing,
}

impl RouteIndex {
    /// What is known of the route of this key.
    #[must_use]
    pub fn sight(&self, key: &Key) -> Sight {
        match (self.routes.get(key), self.state) {
            (Some(route), _) => Sight::Seen(route.clone()),
            (None, None) => Sight::Unknown,
            (None, Some(Err(lack))) => Sight::Unavailable(lack),
            (None, Some(Ok(()))) => Sight::Missing,
        }
    }

    /// Whether it is known, or cannot be known, which routes there are.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.state.is_some()
    }

    /// The routes of a namespace that name this Service, in the order of their names.
    #[must_use]
    pub fn naming(&self, namespace: &str, service: &str) -> Vec<Box<str>> {
        let here = self.routes.iter().filter(|(key, route)| *key.namespace == *namespace && route.names(service));
        let mut names: Vec<_> = here.map(|(_, route)| route.name.clone()).collect();
        names.sort();
        names
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// Takes in what the API server returned from a write.
    pub fn put_written(&mut self, object: LiveChild) {
        if let Some(route) = RouteView::of(object).filter(|route| self.routes.contains_key(&key(route))) {
            self.put(route);
        }
    }

    /// Notes why nobody can look any more; whether that is news.
    pub(super) fn lose(&mut self, lack: Lack) -> bool {
        self.routes.clear();
        self.state.replace(Err(lack)) != Some(Err(lack))
    }

    /// Takes a change and names the routes whose rules it changed; with the end of the first list, `None`: all are news.
    pub(super) fn on_change(&mut self, change: Change<LiveChild>) -> Option<Vec<RouteView>> {
        match change {
            Change::Begin => self.listing.begin(),
            Change::Seen(object) => {
                let Some(route) = RouteView::of(object) else { return Some(Vec::new()) };
                self.listing.note(&id(&key(&route)));
                return Some(self.put(route));
            }
            Change::Gone(object) => {
                let gone = RouteView::of(object);
                let is_it =
                    |route: &RouteView| self.routes.get(&key(route)).is_some_and(|known| known.uid == route.uid);
                let gone = gone.filter(is_it);
                return Some(gone.into_iter().filter_map(|route| self.routes.remove(&key(&route))).collect());
            }
            Change::End => {
                let listed = self.listing.end();
                let gone: Vec<_> =
                    self.routes.extract_if(|key, _| !listed.contains(&id(key))).map(|(_, route)| route).collect();
                let is_first = self.state.replace(Ok(())) != Some(Ok(()));
                return (!is_first).then_some(gone);
            }
        }
        Some(Vec::new())
    }

    /// The route as it was and as it is, if its rules have changed. Gateways write into the status of routes, which is no
    /// news.
    fn put(&mut self, route: RouteView) -> Vec<RouteView> {
        let known = self.routes.get(&key(&route));
        if known.is_some_and(|known| known.version >= route.version && known.uid == route.uid) {
            return Vec::new();
        }
        let is_news = known.is_none_or(|known| known.rules != route.rules || known.uid != route.uid);
        let before = self.routes.insert(key(&route), route.clone());
        if is_news { before.into_iter().chain([route]).collect() } else { Vec::new() }
    }
}

fn key(route: &RouteView) -> Key {
    Key::new(&route.namespace, &route.name)
}

fn id(key: &Key) -> Box<str> {
    format!("{}/{}", key.namespace, key.name).into()
}
