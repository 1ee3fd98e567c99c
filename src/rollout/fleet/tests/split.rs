//! The weights of a route: what each share makes of them, and that they get back what they had.

use serde_json::{Value, json};

use super::super::split::Split;
use crate::controller::fixture::route::Route;

pub(super) fn split(route: &Route) -> Result<Split, String> {
    Split::of(&route.view(), "shop", "shop-preview")
}

fn shop(weight: i32) -> Value {
    json!({"name": "shop", "port": 80, "weight": weight, "filters": [{"type": "RequestMirror"}]})
}

fn refs(route: &Route) -> Vec<(String, i64)> {
    let refs = route.object["spec"]["rules"][0]["backendRefs"].as_array().unwrap().iter();
    refs.map(|it| (it["name"].as_str().unwrap().to_owned(), it["weight"].as_i64().unwrap_or(1))).collect()
}

fn split_to(route: &mut Route, share: i32) -> Vec<(String, i64)> {
    if let Some(patch) = split(route).unwrap().patch(share, "shop-preview") {
        route.patch(patch);
    }
    assert!(split(route).unwrap().is_at(share), "{share}: {}", route.object);
    assert_eq!(split(route).unwrap().patch(share, "shop-preview"), None, "a second time there is nothing to do");
    refs(route)
}

fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
    expected.iter().map(|(name, weight)| ((*name).to_owned(), *weight)).collect()
}

#[test]
fn a_rule_of_its_own_is_split_by_percent_and_gets_back_what_it_had() {
    for whole in [1, 3, 100, 10_000] {
        let mut route = Route::of(&[json!([shop(whole)])]);
        for share in [1, 20, 50, 99, 100, 7] {
            let [main, preview] = [100 - share, share].map(|part| i64::from(part * whole));
            let expected = pairs(&[("shop", main), ("shop-preview", preview)]);
            assert_eq!(split_to(&mut route, share), expected);
        }
        let twin = &route.object["spec"]["rules"][0]["backendRefs"][1];
        assert_eq!((&twin["port"], &twin["filters"][0]["type"]), (&json!(80), &json!("RequestMirror")));
        assert_eq!(split_to(&mut route, 0), pairs(&[("shop", whole.into())]));
        assert!(route.is_as_made());
    }
}

#[test]
fn other_backends_keep_their_share() {
    let blog = json!({"name": "blog", "port": 80, "weight": 10});
    let mut route = Route::of(&[json!([blog, shop(90)])]);
    assert_eq!(split_to(&mut route, 20), pairs(&[("blog", 10), ("shop", 72), ("shop-preview", 18)]));
    assert_eq!(split_to(&mut route, 1), pairs(&[("blog", 10), ("shop", 89), ("shop-preview", 1)]));
    assert_eq!(split_to(&mut route, 100), pairs(&[("blog", 10), ("shop", 0), ("shop-preview", 90)]));
    assert_eq!(split_to(&mut route, 0), pairs(&[("blog", 10), ("shop", 90)]));
    assert!(route.is_as_made());
}

#[test]
fn rules_of_others_are_left_alone() {
    let preview = json!([{"name": "shop-preview", "port": 80}]);
    let mut route = Route::of(&[json!([shop(1)]), preview, json!([{"name": "blog"}]), json!([shop(0)])]);
    let before = route.object.clone();
    split_to(&mut route, 30);
    for rule in 1..4 {
        assert_eq!(route.object["spec"]["rules"][rule], before["spec"]["rules"][rule]);
    }
    let split = split(&route).unwrap();
    assert_eq!((split.to_preview(), split.to_main()), (30, 70));
}

/// Whoever declares both is given back no weight, and the reference stays when a tool has put it back.
#[test]
fn a_declared_reference_without_weight_is_as_good_as_none() {
    let preview = json!({"name": "shop-preview", "port": 80, "weight": 0});
    let mut route = Route::of(&[json!([shop(100), preview])]);
    assert_eq!(split_to(&mut route, 0), pairs(&[("shop", 100), ("shop-preview", 0)]));
    assert_eq!(split_to(&mut route, 20), pairs(&[("shop", 80), ("shop-preview", 20)]));
    route.weigh(&[0, 0]);
    assert_eq!(split_to(&mut route, 0), pairs(&[("shop", 1)]), "nobody is left without an answer");
}

#[test]
fn a_patch_is_for_the_version_that_was_seen() {
    let mut route = Route::of(&[json!([shop(1)])]);
    let patch = split(&route).unwrap().patch(20, "shop-preview").unwrap();
    route.reset();
    route.weigh(&[1]);
    let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
    assert!(json_patch::patch(&mut route.object, &patch).is_err());
    assert!(route.is_as_made());
}

#[test]
fn what_cannot_be_split_is_told() {
    let trouble = |rules: &[Value]| split(&Route::of(rules)).unwrap_err();
    let told = trouble(&[json!([{"name": "blog"}])]);
    assert_eq!(told, "no rule of HTTPRoute shop has a backendRef to Service shop: add one");
    assert_eq!(trouble(&[json!([shop(0)])]), told, "one that is switched off is none");
    let told = trouble(&[json!([{"name": "blog"}]), json!([shop(49), {"name": "blog"}])]);
    assert!(told.starts_with("rules[1] of HTTPRoute shop gives Service shop the weight 49 beside other"), "{told}");
    let told = trouble(&[json!([shop(1), shop(1)])]);
    assert_eq!(told, "rules[0] of HTTPRoute shop has a backendRef to the same Service twice: leave one");
}
