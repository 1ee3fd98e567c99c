//! `spec.rollout.after`.

use std::sync::Arc;

use kube::ResourceExt;

use crate::api::ElixirRelease;
use crate::resources::problem::Problem;

/// That a release waits for itself, by way of the releases of this cycle, which ends with it.
#[must_use]
pub fn cycle(release: &ElixirRelease, cycle: Option<&[Arc<str>]>) -> Option<Problem> {
    let cycle = cycle?;
    let first = cycle.first()?;
    let index = release.spec.rollout.after.iter().position(|name| **name == **first)?;
    let way: Vec<_> = std::iter::once(release.name_any()).chain(cycle.iter().map(ToString::to_string)).collect();
    let message =
        format!("makes the release wait for itself ({}): remove it from one of them", way.join(" waits for "));
    Some(Problem::new(format!("spec.rollout.after[{index}]"), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::fixture;

    #[test]
    fn a_cycle_is_told_with_its_way() {
        let release = fixture::release("rollout: {after: [blog, api]}");
        let told = cycle(&release, Some(&["api".into(), "web".into(), "shop".into()])).unwrap().to_string();
        let way = "shop waits for api waits for web waits for shop";
        assert_eq!(
            told,
            format!("spec.rollout.after[1]: makes the release wait for itself ({way}): remove it from one of them")
        );
        assert_eq!(cycle(&release, None), None);
    }
}
