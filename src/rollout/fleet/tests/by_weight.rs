//! A canary whose requests a route splits, state by state.

use serde_json::json;

use super::super::way::Trouble;
use super::split::split;
use super::*;
use crate::controller::fixture::route::Route;

const STEPS: &str = "[{weight: 20, pauseSeconds: 60}, {replicas: 2, weight: 90}, {replicas: 50%}]";

fn weighted(scene: &Scene) -> Decision {
    let steps: Vec<CanaryStep> = serde_yaml::from_str(STEPS).unwrap();
    super::super::weighted::next(scene, scene.way.as_ref().unwrap(), &steps)
}

/// The route sends so much to the Service for previews, and the Services lead to these.
fn way(share: i32, main: &str, preview: &str) -> Way {
    let mut route = Route::of(&[json!([{"name": "shop"}])]);
    if let Some(patch) = split(&route).unwrap().patch(share, "shop-preview") {
        route.patch(patch);
    }
    Way {
        route: "shop".to_owned(),
        split: Ok(split(&route).unwrap()),
        main: Some(main.to_owned()),
        preview: Some(preview.to_owned()),
    }
}

/// `a` serves, and `b` is to.
fn splitting(share: i32, step: u32, new: Option<Carrier>, old: Carrier) -> Scene {
    let stage = Stage { number: 2, step, ..Stage::default() };
    Scene { way: Some(way(share, "a", "b")), stage, ..before_the_switch(new, &[old]) }
}

/// Traffic was switched to `b` so long ago, and the route still sends so much to the Service for previews.
fn switched(share: i32, ago: i64, others: &[Carrier]) -> Scene {
    Scene { way: Some(way(share, "b", "b")), ..after_the_switch(complete("b", 3), others, ago) }
}

#[rstest]
#[case::nodes_come_first(splitting(0, 0, None, complete("a", 3)), Some(1), &[3], 0)]
#[case::it_is_not_available(splitting(0, 0, Some(carrier("b", [1, 1, 0])), complete("a", 3)), Some(1), &[3], 0)]
#[case::then_the_weight(splitting(0, 0, Some(complete("b", 1)), complete("a", 3)), Some(1), &[3], 20)]
#[case::then_others_go(splitting(20, 0, Some(complete("b", 1)), complete("a", 3)), Some(1), &[2], 20)]
#[case::it_is_lost(splitting(20, 0, Some(carrier("b", [1, 1, 0])), complete("a", 2)), Some(1), &[2], 0)]
#[case::somebody_took_the_weight_away(splitting(0, 0, Some(complete("b", 1)), complete("a", 2)), Some(1), &[2], 20)]
#[case::weight_follows_nodes(splitting(20, 1, Some(carrier("b", [2, 2, 1])), complete("a", 2)), Some(2), &[2], 34)]
#[case::more_than_their_share(splitting(20, 1, Some(complete("b", 2)), complete("a", 1)), Some(2), &[1], 90)]
#[case::the_share_of_the_nodes(splitting(90, 2, Some(complete("b", 2)), complete("a", 1)), Some(2), &[1], 67)]
#[case::no_step_is_left(splitting(67, 3, Some(complete("b", 2)), complete("a", 1)), Some(3), &[1], 67)]
#[case::one_of_the_old_stays(splitting(67, 3, Some(complete("b", 3)), complete("a", 1)), Some(3), &[1], 100)]
#[case::gone_back_to_without_steps(
    Scene { is_known: true, ..splitting(0, 0, Some(complete("b", 2)), complete("a", 2)) }, Some(2), &[2], 67
)]
#[case::scaled_up(Scene { wanted: 10, ..splitting(20, 0, Some(complete("b", 1)), complete("a", 2)) }, Some(2), &[8], 20)]
fn nodes_before_weight_and_weight_before_nodes_go(
    #[case] scene: Scene,
    #[case] size: Option<i32>,
    #[case] others: &[i32],
    #[case] share: i32,
) {
    let decision = weighted(&scene);
    assert_eq!((decision.size, &*decision.others, decision.share), (size, others, Some(share)));
    let services = (decision.active.as_deref(), decision.preview.as_deref());
    assert_eq!((services, decision.stage.promoted), ((Some("a"), Some("b")), None));
}

#[test]
fn a_step_ends_when_its_weight_is_there() {
    let mut scene = splitting(0, 0, Some(complete("b", 1)), complete("a", 3));
    let decision = weighted(&scene);
    assert_eq!(decision.stage.reached, None);
    assert_eq!(decision.message, "step 1 of 3: 1 of 3 nodes are to run b for 20 % of the requests of HTTPRoute shop");
    scene.way = Some(way(20, "a", "b"));
    let decision = weighted(&scene);
    assert_eq!((decision.stage.reached, decision.turn), (Some(NOW), Some(at(60))));
    let asked = Scene { promotion: Some("1".to_owned()), ..scene.clone() };
    assert_eq!((weighted(&asked).stage.step, weighted(&asked).reply), (1, Reply::Done));
    // Nodes that are alone are no good.
    let unmet = Scene { unmet: Some("b@10.0.0.1 is Joining".to_owned()), ..scene };
    assert_eq!((weighted(&unmet).stage.reached, weighted(&unmet).share), (None, Some(20)));
}

/// Another revision is asked for while requests go to a third.
#[test]
fn requests_go_back_before_the_way_leads_to_another() {
    let others = [complete("c", 1), complete("a", 2)];
    let scene = Scene { way: Some(way(20, "a", "c")), ..before_the_switch(None, &others) };
    let decision = weighted(&scene);
    assert_eq!((decision.preview.as_deref(), decision.share), (Some("c"), Some(0)));
    assert_eq!((decision.size, decision.others), (Some(1), vec![1, 2]), "what has requests stays");
    let decision = weighted(&Scene { way: Some(way(0, "a", "c")), ..scene });
    assert_eq!((decision.preview.as_deref(), decision.share), (Some("b"), Some(0)));
    assert_eq!(decision.others, [0, 2]);
}

#[test]
fn the_switch_and_what_follows() {
    let scene = splitting(100, 3, Some(complete("b", 3)), complete("a", 1));
    let decision = weighted(&Scene { now: at(9), ..scene.clone() });
    assert_eq!((decision.stage.promoted, decision.active.as_deref()), (Some(promoted_at(at(9))), Some("b")));
    assert_eq!((decision.share, decision.others), (Some(100), vec![1]), "that is noted first");
    let early = weighted(&Scene { way: Some(way(99, "a", "b")), ..scene.clone() });
    assert_eq!(early.stage.promoted, None);

    let decision = weighted(&Scene { way: Some(way(100, "a", "b")), ..switched(100, 9, &[complete("a", 1)]) });
    assert_eq!((decision.share, decision.others, decision.active.as_deref()), (None, vec![1], Some("b")));
    let decision = weighted(&switched(100, 4, &[complete("a", 1)]));
    assert_eq!((decision.share, decision.others, decision.turn), (None, vec![1], Some(at(5))), "not all know it yet");
    let decision = weighted(&switched(100, 5, &[complete("a", 1)]));
    assert_eq!((decision.share, decision.others, decision.turn), (Some(0), vec![0], None));
    let decision = weighted(&switched(0, 9, &[]));
    assert_eq!((decision.share, decision.size, decision.message.as_str()), (Some(0), Some(3), ""));
}

/// The revision that traffic goes to is to run again.
#[test]
fn an_abort_sends_requests_back_before_nodes_go() {
    let canary = || [complete("c", 1)];
    let back = |share: i32, preview: &str, nodes: [i32; 3]| {
        let scene = Scene { active: Some(active("b", -99)), ..scene(Some(carrier("b", nodes)), &canary()) };
        weighted(&Scene { way: Some(way(share, "b", preview)), is_known: true, ..scene })
    };
    let decision = back(20, "c", [2; 3]);
    assert_eq!((decision.share, decision.preview.as_deref()), (Some(0), Some("b")));
    assert_eq!((decision.size, decision.others), (Some(3), vec![1]));
    assert_eq!(decision.message, "all requests of HTTPRoute shop go to b first");
    assert_eq!(back(0, "c", [3; 3]).others, [0]);
    assert_eq!(back(20, "b", [3; 3]).others, [0], "no request goes there any more");
    // Whoever is down is sent nothing.
    let down = back(20, "c", [2, 2, 0]);
    assert_eq!((down.share, down.preview.as_deref(), down.others), (None, Some("c"), vec![1]));
}

#[rstest]
#[case::unknown(Trouble::Unknown, "HTTPRoute shop was not looked at yet")]
#[case::told(Trouble::Told("there is no HTTPRoute shop".to_owned()), "there is no HTTPRoute shop")]
fn a_canary_without_its_route_waits(#[case] trouble: Trouble, #[case] expected: &str) {
    let lost = |scene: Scene| {
        let way = Way { split: Err(trouble.clone()), ..scene.way.clone().unwrap() };
        weighted(&Scene { way: Some(way), ..scene })
    };
    let decision = lost(splitting(0, 0, None, complete("a", 3)));
    assert_eq!((decision.size, decision.others, decision.share), (None, vec![3], None));
    let hold = decision.hold.unwrap();
    assert_eq!(hold.reason, Reason::WaitingForRoute);
    let message = format!("b waits, and nothing that runs is touched: spec.rollout.canary.httpRoute: {expected}");
    assert_eq!(hold.message, message);
    let half_way = lost(splitting(20, 1, Some(complete("b", 1)), complete("a", 2)));
    assert_eq!((half_way.size, half_way.others, half_way.share), (Some(1), vec![2], None));
    // It goes on to follow the scale, and the first version needs no route.
    let grown = lost(Scene { wanted: 5, ..splitting(20, 1, Some(complete("b", 1)), complete("a", 2)) });
    assert_eq!((grown.size, grown.others), (Some(1), vec![4]));
    let first = lost(Scene { way: Some(way(0, "b", "b")), ..scene(Some(complete("b", 3)), &[]) });
    assert_eq!((first.stage.promoted.is_some(), first.hold), (true, None));
}

#[test]
fn while_it_is_held_no_weight_moves() {
    let held = |scene| weighted(&Scene { is_paused: true, ..scene });
    let decision = held(splitting(20, 1, Some(complete("b", 2)), complete("a", 2)));
    assert_eq!((decision.size, decision.share), (Some(2), None));
    assert_eq!(held(splitting(20, 1, Some(carrier("b", [1, 1, 0])), complete("a", 2))).share, Some(0));
}
