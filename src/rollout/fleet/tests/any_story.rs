//! Whatever happens in whatever order: pods come and go, the operator is killed between two writes, the spec changes, somebody
//! scales, holds and promotes. Never are fewer nodes available than the strategy promises, and it always ends where it is
//! to end. With a route, requests go to no side without nodes, also when somebody else changes its weights, and in the end it
//! is as it was.

mod story;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

use self::story::{Event, Story};
use super::split::split;

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..4_usize).prop_map(Event::See),
        4 => (0..4_usize).prop_map(Event::Start),
        3 => (0..4_usize).prop_map(Event::End),
        8 => (0..5_usize).prop_map(Event::Look),
        1 => (0..3_usize).prop_map(Event::Ask),
        1 => (0..7_i32).prop_map(Event::Scale),
        1 => any::<bool>().prop_map(Event::Pause),
        1 => Just(Event::Promote),
        2 => (0..50_i64).prop_map(Event::Wait),
        1 => Just(Event::Reset),
        1 => [0..3_i32, 0..3_i32].prop_map(Event::Weigh),
        1 => any::<bool>().prop_map(Event::Hide),
    ]
}

fn strategy() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("{strategy: BlueGreen}"),
        Just("{strategy: BlueGreen, blueGreen: {promotion: Manual, scaleDownDelaySeconds: 0}, maxUnavailable: 2}"),
        Just("{strategy: Canary, canary: {steps: [{replicas: 25%, pauseSeconds: 20}, {replicas: 50%}]}}"),
        Just("{strategy: Canary, canary: {steps: [{replicas: 1}]}, maxSurge: 0, maxUnavailable: 1}"),
        Just(
            "{strategy: Canary, canary: {steps: [{replicas: 2, pauseSeconds: 0}]}, maxSurge: 50%, maxUnavailable: 25%}"
        ),
        Just(
            "{strategy: Canary, canary: {httpRoute: {name: shop}, steps: [{weight: 5, pauseSeconds: 20}, {weight: 50}]}}"
        ),
        Just(
            "{strategy: Canary, canary: {httpRoute: {name: shop}, steps: [{replicas: 1, weight: 0, pauseSeconds: 0}, \
             {replicas: 100%, weight: 10}]}, maxUnavailable: 1}"
        ),
        Just(
            "{strategy: Canary, canary: {httpRoute: {name: shop}, steps: [{replicas: 50%}]}, maxSurge: 50%, \
             maxUnavailable: 25%}"
        ),
    ]
}

proptest! {
    #[test]
    fn it_is_safe_and_ends_where_it_is_to_end(
        strategy in strategy(), events in vec(event(), 0..60), looks in 0..30_usize, then in 0..3_usize,
        later in vec(event(), 0..40),
    ) {
        let mut story = Story::of(strategy);
        for event in &events {
            story.happen(event);
        }
        // Without this, few stories would come as far as to the middle of a rollout.
        story.go_on(looks);
        story.happen(&Event::Ask(then));
        for event in &later {
            story.happen(event);
        }
        story.go_on(120);
        let runs: Vec<_> = story.deployments.iter().map(|it| (it.revision, it.wanted, it.available)).collect();
        prop_assert_eq!(runs, [(story.asked, story.wanted(), story.wanted())]);
        if story.wanted() > 0 {
            prop_assert_eq!(story.traffic, story.is_led().then_some(story.asked));
            let has_weighed = events.iter().chain(&later).any(|event| matches!(event, Event::Weigh(_)));
            if let Some(route) = &story.route {
                prop_assert!(split(route).is_ok_and(|split| split.is_at(0)), "{}", route.object);
                prop_assert!(has_weighed || route.is_as_made(), "{}", route.object);
            }
        }
    }
}
