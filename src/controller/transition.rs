//! What is odd only while one revision replaces another.

use super::observe::Observed;
use crate::resources::problem::Problem;
use crate::resources::tls;

/// That nodes with and without TLS run side by side. There is no way from one to the other without it: a node either speaks
/// TLS or does not, and connects to its like.
#[must_use]
pub fn of_tls(observed: &Observed) -> Option<Problem> {
    let has_tls = tls::mounted(&observed.release).is_some();
    let mut pods = observed.pods.iter().filter(|pod| !pod.has_ended);
    pods.any(|pod| pod.has_tls != has_tls).then(|| {
        let change = if has_tls { "turned on" } else { "turned off" };
        let message = format!(
            "is being {change}: nodes with and without TLS do not meet, so that the cluster is in two parts until the \
             rollout is complete, which it never is where a node has to meet the others to be ready; with \
             rollout.strategy Recreate there is one part at a time"
        );
        Problem::new("spec.cluster.tls", message)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::controller::fixture;
    use crate::controller::pod::PodView;
    use crate::resources;

    #[rstest]
    #[case::off("", &[false, false], None)]
    #[case::on("cluster: {tls: {mode: Managed}}", &[true, true], None)]
    #[case::no_pod_yet("cluster: {tls: {mode: Managed}}", &[], None)]
    #[case::turned_on("cluster: {tls: {mode: Managed}}", &[false, false], Some("turned on"))]
    #[case::half_way("cluster: {tls: {mode: Secret, secretName: mine}}", &[true, false], Some("turned on"))]
    #[case::turned_off("", &[true, false], Some("turned off"))]
    #[case::the_image_decides("cluster: {tls: {mode: Application}}", &[false], None)]
    fn nodes_that_do_not_meet(#[case] spec: &str, #[case] pods: &[bool], #[case] expected: Option<&str>) {
        let mut observed = fixture::observed(resources::fixture::release(spec));
        observed.pods = pods.iter().map(|has_tls| PodView { has_tls: *has_tls, ..fixture::pod("p") }).collect();
        let told = of_tls(&observed).map(|problem| problem.to_string());
        assert_eq!(told.is_some(), expected.is_some(), "{told:?}");
        assert!(
            expected.is_none_or(|change| told.unwrap().starts_with(&format!("spec.cluster.tls: is being {change}")))
        );
    }

    #[test]
    fn a_pod_that_has_ended_is_nobodys_peer() {
        let mut observed = fixture::observed(resources::fixture::release("cluster: {tls: {mode: Managed}}"));
        observed.pods = vec![PodView { has_ended: true, ..fixture::pod("p") }];
        assert_eq!(of_tls(&observed), None);
    }
}
