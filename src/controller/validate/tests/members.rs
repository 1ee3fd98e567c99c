//! Releases of one cluster that disagree.

use super::*;
use crate::api::Discovery;

const TOLD: &str = "their nodes could not meet; make them equal or give this release a cluster.name of its own";

fn member(name: &str, cluster: &str) -> ElixirRelease {
    let mut release = fixture::named(name, &format!("cluster: {cluster}"));
    release.spec.cluster.name = Some("market".to_owned());
    release
}

fn judged(release: &ElixirRelease, members: &[&ElixirRelease]) -> Vec<String> {
    let verdict = validate(release, members, References::Unknown, &Facts::default(), now());
    verdict.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[rstest]
#[case::cookie(
    "{cookie: {secretKeyRef: {name: mine}}}",
    "{}",
    "spec.cluster.cookie: is key cookie of Secret mine here and key cookie of Secret market-cookie in api"
)]
#[case::epmd("{epmd: Disabled}", "{}", "spec.cluster.epmd: is Disabled here and Enabled in api")]
#[case::epmd_of_its_own(
    "{epmd: Application}",
    "{epmd: Disabled}",
    "spec.cluster.epmd: is Application here and Disabled in api"
)]
#[case::port_of_an_epmd_of_its_own(
    "{epmd: Application, ports: {distribution: {from: 9200, to: 9200}}}",
    "{epmd: Application}",
    "spec.cluster.ports.distribution.from: is 9200 here and 9100 in api"
)]
#[case::port_of_epmd("{ports: {epmd: 4370}}", "{}", "spec.cluster.ports.epmd: is 4370 here and 4369 in api")]
#[case::port_without_epmd(
    "{epmd: Disabled, ports: {distribution: {from: 9200, to: 9200}}}",
    "{epmd: Disabled}",
    "spec.cluster.ports.distribution.from: is 9200 here and 9100 in api"
)]
#[case::basename("{basename: indexer}", "{}", "spec.cluster.basename: is indexer here and market in api")]
#[case::basename_that_the_oldest_looks_for(
    "{basename: indexer, discovery: Kubernetes}",
    "{}",
    "spec.cluster.basename: is indexer here and market in api"
)]
fn the_younger_is_told(#[case] younger: &str, #[case] oldest: &str, #[case] expected: &str) {
    let (api, indexer) = (member("api", oldest), member("indexer", younger));
    let members = [&api, &indexer];

    assert_eq!(judged(&indexer, &members), [format!("{expected}, the oldest release of cluster market: {TOLD}")]);
    assert_eq!(judged(&api, &members), [""; 0], "the oldest is right");
}

const ALONE: &str = "give this release a cluster.name of its own";

#[rstest]
#[case::wants_to_be_alone(
    "{scope: Revision}",
    "{}",
    "Revision is for a release that is alone in its cluster, and api is in cluster market as well"
)]
#[case::meets_one_that_is_alone(
    "{}",
    "{scope: Revision}",
    "api, an older release of cluster market, has scope Revision there and is alone in it"
)]
#[case::both(
    "{scope: Revision}",
    "{scope: Revision}",
    "Revision is for a release that is alone in its cluster, and api is in cluster market as well"
)]
fn a_release_whose_revisions_are_apart_is_alone(#[case] younger: &str, #[case] oldest: &str, #[case] why: &str) {
    let (api, indexer) = (member("api", oldest), member("indexer", younger));
    let members = [&api, &indexer];
    assert_eq!(judged(&indexer, &members), [format!("spec.cluster.scope: {why}: {ALONE}")]);
    assert_eq!(judged(&api, &members), [""; 0], "the oldest is right");
}

#[rstest]
#[case::ports_with_epmd("{ports: {distribution: {from: 9200, to: 9205}}}")]
#[case::extra_ports("{ports: {extra: [{port: 5369}]}}")]
#[case::headless_service("{service: {name: legacy}}")]
#[case::discovery("{discovery: None}")]
#[case::host("{host: Application}")]
fn the_rest_may_differ(#[case] younger: &str) {
    let (api, indexer) = (member("api", "{}"), member("indexer", younger));
    assert_eq!(judged(&indexer, &[&api, &indexer]), [""; 0]);
}

#[test]
fn a_headless_service_is_not_named_like_an_older_member() {
    let (api, indexer) = (member("api", "{}"), member("indexer", "{service: {name: api}}"));
    let members = [&api, &indexer];
    let expected = "spec.cluster.service.name: must not be api: the traffic Service of release api, an older member of the \
                    cluster, has that name; choose another";
    assert_eq!(judged(&indexer, &members), [expected]);
    assert_eq!(judged(&api, &members), [""; 0]);
}

#[test]
fn a_release_is_not_named_like_the_headless_service_of_an_older_member() {
    let (indexer, api) = (member("indexer", "{service: {name: api}}"), member("api", "{}"));
    let members = [&indexer, &api];
    let expected = "metadata.name: must not be api: release indexer, an older member of the cluster, names its headless \
                    Service so (cluster.service.name); choose another";
    assert_eq!(judged(&api, &members), [expected]);
    assert_eq!(judged(&indexer, &members), [""; 0]);
}

#[test]
fn basenames_may_differ_where_nobody_looks_them_up_by_dns() {
    let (mut api, mut indexer) = (member("api", "{}"), member("indexer", "{basename: indexer}"));
    api.spec.cluster.discovery = Discovery::Kubernetes;
    indexer.spec.cluster.discovery = Discovery::None;
    assert_eq!(judged(&indexer, &[&api, &indexer]), [""; 0]);
}

#[test]
fn a_third_may_look_up_one_of_two_that_differ() {
    let api = member("api", "{discovery: Kubernetes}");
    let indexer = member("indexer", "{discovery: None, basename: indexer}");
    let web = member("web", "{discovery: DNS}");
    let members = [&api, &indexer, &web];
    let expected = "spec.cluster.basename: is market here and indexer in indexer, an older release of cluster market";
    assert_eq!(judged(&web, &members), [format!("{expected}: {TOLD}")]);
    assert_eq!(judged(&api, &members), [""; 0]);
    assert_eq!(judged(&indexer, &members), [""; 0], "it runs already, and got on with those that were there");
}

#[test]
fn who_has_been_told_is_no_measure_for_the_younger() {
    let (api, wrong, web) = (member("api", "{}"), member("wrong", "{epmd: Disabled}"), member("web", "{}"));
    assert_eq!(judged(&web, &[&api, &wrong, &web]), [""; 0]);
    assert_eq!(judged(&wrong, &[&api, &wrong, &web]).len(), 1);
}

#[test]
fn a_field_is_told_once_and_by_the_oldest() {
    let (api, indexer) = (member("api", "{}"), member("indexer", "{discovery: None}"));
    let web = member("web", "{epmd: Disabled, basename: web}");
    let told = judged(&web, &[&api, &indexer, &web]);
    let oldest = format!("in api, the oldest release of cluster market: {TOLD}");
    let expected = ["epmd: is Disabled here and Enabled", "basename: is web here and market"];
    assert_eq!(told, expected.map(|field| format!("spec.cluster.{field} {oldest}")));
}

#[test]
fn lone_nodes_have_nobody_to_agree_with() {
    let (api, lone) = (member("api", "{}"), member("lone", "{distribution: Disabled, epmd: Disabled}"));
    assert_eq!(judged(&lone, &[&api]), [""; 0]);
}
