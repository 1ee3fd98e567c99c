//! The HTTPRoute whose traffic a canary splits.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{Canary, CanaryStep, ElixirRelease};
use crate::resources::problem::Problem;
use crate::resources::syntax::is_object_name;
use crate::rollout::fleet::way::FIELD;

pub(super) fn problems(release: &ElixirRelease, lacks_service: bool) -> Vec<Problem> {
    let rollout = &release.spec.rollout;
    let mut problems = rollout.canary.as_ref().map(weights).unwrap_or_default();
    let Some(route) = rollout.route() else { return problems };
    if !is_object_name(route) {
        problems.push(Problem::new(format!("{FIELD}.name"), format!("is {route:?}, which no object can be called")));
    }
    if lacks_service {
        let message = "splits the traffic of the release's Service, which it does not have: give it spec.ports, or a \
                       spec.service.type other than None";
        problems.push(Problem::new(FIELD, message));
    }
    let has_none = match &rollout.max_surge {
        IntOrString::Int(number) => *number == 0,
        IntOrString::String(text) => text == "0%",
    };
    if has_none {
        problems.push(Problem::new(
            "spec.rollout",
            "rollout.canary.httpRoute needs rollout.maxSurge above 0: there have to be nodes on both sides before traffic is \
             split; set it to 1",
        ));
    }
    problems
}

fn weights(canary: &Canary) -> Vec<Problem> {
    let has_route = canary.http_route.is_some();
    let of = |(number, step): (usize, &CanaryStep)| {
        let message = match (&step.replicas, step.weight) {
            (None, None) => {
                "a step needs replicas, or weight with rollout.canary.httpRoute: say how many nodes run the new revision"
            }
            (_, Some(_)) if !has_route => {
                "a step with weight needs rollout.canary.httpRoute: name the HTTPRoute whose traffic is split, or say replicas"
            }
            _ => return None,
        };
        Some(Problem::new(format!("spec.rollout.canary.steps[{number}]"), message))
    };
    canary.steps.iter().enumerate().filter_map(of).collect()
}
