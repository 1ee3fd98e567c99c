//! Numbers, alone and beside each other. The API server checks most of them already; they are checked again for what was
//! stored before it did, and for what is rendered without one.

use std::ops::RangeInclusive;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::api::{CanaryStep, DisruptionBudget, ElixirRelease, Rollout, Schedulers, Strategy};
use crate::resources::problem::Problem;

/// The largest number of schedulers that the VM takes.
const MOST_SCHEDULERS: u16 = 1024;

pub(super) fn problems(release: &ElixirRelease) -> Vec<Problem> {
    let spec = &release.spec;
    let mut problems: Vec<_> = at_least("spec.replicas", spec.replicas, 0).into_iter().collect();
    problems.extend(rollout(&spec.rollout));
    problems.extend(budget(&spec.disruption_budget));
    problems.extend(schedulers(spec.vm.schedulers));
    problems
}

fn rollout(rollout: &Rollout) -> Vec<Problem> {
    let mut problems: Vec<_> = [
        at_least("spec.rollout.minReadySeconds", rollout.min_ready_seconds, 0),
        at_least("spec.rollout.progressDeadlineSeconds", rollout.progress_deadline_seconds, 1),
        at_least("spec.rollout.revisionHistoryLimit", rollout.revision_history_limit, 0),
    ]
    .into_iter()
    .flatten()
    .collect();
    if rollout.progress_deadline_seconds <= rollout.min_ready_seconds {
        problems.push(Problem::new(
            "spec.rollout",
            "rollout.progressDeadlineSeconds must be above rollout.minReadySeconds: raise the deadline",
        ));
    }
    let surge = share("spec.rollout.maxSurge", &rollout.max_surge, 0..=i32::MAX);
    let unavailable = share("spec.rollout.maxUnavailable", &rollout.max_unavailable, 0..=100);
    problems.extend(blue_green(rollout));
    problems.extend(canary(rollout));
    let rolls = [Strategy::RollingUpdate, Strategy::Canary].contains(&rollout.strategy);
    if rolls && (&surge, &unavailable) == (&Ok(0), &Ok(0)) {
        problems.push(Problem::new(
            "spec.rollout",
            "rollout.maxSurge and rollout.maxUnavailable must not both be 0: no pod could ever be replaced; set one of them to 1",
        ));
    }
    problems.extend([surge, unavailable].into_iter().filter_map(Result::err));
    problems
}

fn blue_green(rollout: &Rollout) -> Option<Problem> {
    let wishes = rollout.blue_green.as_ref()?;
    at_least("spec.rollout.blueGreen.scaleDownDelaySeconds", wishes.scale_down_delay_seconds, 0)
}

fn canary(rollout: &Rollout) -> Vec<Problem> {
    let steps = rollout.canary.as_ref().map_or(&[][..], |canary| &canary.steps);
    if steps.is_empty() {
        let is_wanted = rollout.strategy == Strategy::Canary || rollout.canary.is_some();
        let message =
            "rollout.strategy Canary needs rollout.canary.steps: say how many nodes run the new revision at each";
        return is_wanted.then(|| Problem::new("spec.rollout", message)).into_iter().collect();
    }
    let of = |(number, step): (usize, &CanaryStep)| {
        let field = format!("spec.rollout.canary.steps[{number}]");
        let share = step.replicas.as_ref().and_then(|share| nodes(&format!("{field}.replicas"), share));
        let pause = step.pause_seconds.and_then(|pause| at_least(&format!("{field}.pauseSeconds"), pause, 0));
        let weight = step.weight.filter(|weight| !(0..=100).contains(weight)).map(|weight| {
            Problem::new(format!("{field}.weight"), format!("must be from 0 to 100 percent, not {weight}"))
        });
        share.into_iter().chain(weight).chain(pause).collect::<Vec<_>>()
    };
    steps.iter().enumerate().flat_map(of).collect()
}

fn budget(budget: &DisruptionBudget) -> Vec<Problem> {
    let limits = [
        ("spec.disruptionBudget.maxUnavailable", &budget.max_unavailable),
        ("spec.disruptionBudget.minAvailable", &budget.min_available),
    ];
    let mut problems: Vec<_> =
        limits.into_iter().filter_map(|(field, limit)| share(field, limit.as_ref()?, 0..=100).err()).collect();
    if budget.max_unavailable.is_some() && budget.min_available.is_some() {
        problems.push(Problem::new(
            "spec.disruptionBudget",
            "disruptionBudget takes maxUnavailable or minAvailable, not both: remove one",
        ));
    }
    problems
}

fn schedulers(schedulers: Option<Schedulers>) -> Option<Problem> {
    let Some(Schedulers::Count(count)) = schedulers else { return None };
    let is_possible = (1..=MOST_SCHEDULERS).contains(&count);
    (!is_possible).then(|| {
        Problem::new(
            "spec.vm.schedulers",
            format!("vm.schedulers must be Auto, Default or a number from 1 to {MOST_SCHEDULERS}"),
        )
    })
}

pub(super) fn at_least(field: &str, value: impl Into<i64>, least: i64) -> Option<Problem> {
    let value = value.into();
    (value < least).then(|| Problem::new(field, format!("must be {least} or more, not {value}")))
}

/// The number of pods, or of percent, that a limit names.
fn share(field: &str, limit: &IntOrString, percents: RangeInclusive<i32>) -> Result<i32, Problem> {
    let number = match limit {
        IntOrString::Int(number) => Some(*number).filter(|number| *number >= 0),
        IntOrString::String(text) => percent(text).filter(|percent| percents.contains(percent)),
    };
    number.ok_or_else(|| {
        let message = if *percents.end() == 100 {
            "must be a number that is not negative or a percentage from \"0%\" to \"100%\""
        } else {
            "must be a number that is not negative or a percentage such as \"25%\""
        };
        Problem::new(field, message)
    })
}

/// At least one node.
fn nodes(field: &str, share: &IntOrString) -> Option<Problem> {
    let is_fine = match share {
        IntOrString::Int(number) => *number >= 1,
        IntOrString::String(text) => percent(text).is_some_and(|percent| (1..=100).contains(&percent)),
    };
    (!is_fine).then(|| Problem::new(field, "must be a number from 1 or a percentage from \"1%\" to \"100%\""))
}

fn percent(text: &str) -> Option<i32> {
    let digits = text.strip_suffix('%')?;
    let is_plain = digits == "0" || !digits.starts_with('0') && digits.chars().all(|c| c.is_ascii_digit());
    digits.parse().ok().filter(|_| is_plain)
}
