use serde_json::json;

use super::*;
use crate::controller::fixture::route::Route;

const NAMES_IT: &str = "{rollout: {strategy: Canary, canary: {httpRoute: {name: shop}, steps: [{weight: 5}]}}}";

fn cache() -> Cache {
    let mut cache = Cache::default();
    cache.on_release(Change::Seen(release("shop", 1, NAMES_IT)));
    cache.on_release(Change::Seen(release("blog", 1, "")));
    cache
}

fn route() -> Route {
    Route::of(&[json!([{"name": "shop"}])])
}

fn list(cache: &mut Cache, routes: &[&Route]) -> Vec<Key> {
    let seen = routes.iter().map(|route| Change::Seen(route.live()));
    let changes = [Change::Begin].into_iter().chain(seen).chain([Change::End]);
    changes.flat_map(|change| cache.on_route(change)).collect()
}

#[test]
fn who_names_a_route_hears_of_it() {
    let (mut cache, mut route) = (cache(), route());
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Unknown);
    // Once for the route, and once because all routes are known.
    assert_eq!(names(&list(&mut cache, &[&route])), ["shop", "shop"]);
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Seen(route.view()));
    assert_eq!(names(&list(&mut cache, &[&route])), NOBODY, "a list anew is no news");

    route.weigh(&[1]);
    assert_eq!(names(&cache.on_route(Change::Seen(route.live()))), NOBODY, "nor is another version of the same");
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Seen(route.view()), "but it is the one to be changed");
    let older = route.clone();
    route.weigh(&[7]);
    cache.routes.put_written(route.live());
    assert_eq!(names(&cache.on_route(Change::Seen(older.live()))), NOBODY);
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Seen(route.view()), "an older one is none");
    assert_eq!(names(&cache.on_route(Change::Gone(route.live()))), ["shop"]);
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Missing);
    cache.routes.put_written(route.live());
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Missing, "what is gone stays gone");
}

#[test]
fn what_a_list_no_longer_names_is_gone() {
    let (mut cache, route) = (cache(), route());
    list(&mut cache, &[&route]);
    assert_eq!(names(&list(&mut cache, &[])), ["shop"]);
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Missing);
}

#[test]
fn whoever_asks_hears_that_nobody_can_look() {
    let (mut cache, route) = (cache(), route());
    list(&mut cache, &[&route]);
    assert_eq!(names(&cache.lose_routes(Lack::Forbidden)), ["shop"]);
    assert_eq!(names(&cache.lose_routes(Lack::Forbidden)), NOBODY);
    assert_eq!(cache.routes.sight(&key("shop")), Sight::Unavailable(Lack::Forbidden));
    assert_eq!(names(&list(&mut cache, &[])), ["shop"], "and that somebody can");
}

/// A Service for previews that nobody has a use for may still be named by a route.
#[test]
fn who_leaves_a_service_for_previews_asks_as_well() {
    let mut cache = cache();
    let preview = json!({
        "metadata": {
            "name": "blog-preview", "namespace": "store", "uid": "u", "resourceVersion": "1",
            "labels": {"app.kubernetes.io/managed-by": "beam-operator", "beam-operator.io/release": "blog"},
        },
        "spec": {"selector": {"beam-operator.io/release": "blog"}},
    });
    assert_eq!(names(&cache.askers()), ["shop"]);
    cache.on_child(ChildKind::Service, Change::Seen(serde_json::from_value(preview).unwrap()));
    assert_eq!(names(&cache.askers()), ["blog", "shop"]);
    let other = Route::of(&[json!([{"name": "blog-preview"}])]);
    assert_eq!(names(&list(&mut cache, &[&other])), ["blog", "shop", "blog", "shop"]);
    assert_eq!(cache.routes.naming("store", "blog-preview"), ["shop".into()]);
}
