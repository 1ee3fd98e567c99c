//! `cluster.scope: Revision` in the template of a pod: which Secret holds the cookie, and that nodes of other revisions are
//! none of its business.
//!
//! The template is made before its revision has a name. Where the kubelet expands variables it says `$(BEAM_REVISION)`. It
//! does not in the name of a Secret, so there the same text stands for the revision until [`stamp`](super::stamp) puts it
//! in. So a template that was recorded says by itself of which scope it is, whatever the spec says by then.

use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::draft::Draft;
use super::expansion::reference;
use super::{CONTAINERS, environment, identity, origin};
use crate::api::{ElixirRelease, SecretKeyRef};
use crate::resources::problem::Problem;
use crate::resources::reference::Contents;
use crate::resources::{labels, names};

/// The cookie of the revision that has no name yet.
pub(super) fn cookie() -> SecretKeyRef {
    names::revision_cookie(&reference(identity::REVISION))
}

/// Notes on a pod that its node meets only those of its own revision, or takes away that somebody else says so.
pub(super) fn mark(release: &ElixirRelease, metadata: &mut ObjectMeta) {
    if names::meets_by_revision(release) {
        let annotations = metadata.annotations.get_or_insert_default();
        annotations.insert(labels::SCOPE.to_owned(), "Revision".to_owned());
    } else if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(labels::SCOPE);
    }
}

/// Whether that is noted on a pod, or on a template of pods.
#[must_use]
pub fn is_apart(metadata: &ObjectMeta) -> bool {
    metadata.annotations.as_ref().is_some_and(|all| all.contains_key(labels::SCOPE))
}

/// Names the Secret with the cookie wherever a template leaves that to its revision.
pub(in crate::resources) fn name_cookie(template: &mut PodTemplateSpec, named: &SecretKeyRef) {
    let unnamed = cookie();
    let containers = template.spec.iter_mut().flat_map(|pod| &mut pod.containers);
    let sources = containers.flat_map(|container| container.env.iter_mut().flatten());
    let secrets = sources.filter_map(|variable| variable.value_from.as_mut()?.secret_key_ref.as_mut());
    for secret in secrets.filter(|secret| secret.name == unnamed.name) {
        (secret.name, secret.key) = (named.name.clone(), named.key.clone());
    }
}

/// A revision of the user's in the place of ours, by which its nodes would look for peers that nobody has.
#[must_use]
pub fn revision_is_set(release: &ElixirRelease, draft: &Draft, contents: &Contents) -> Option<Problem> {
    let inherited = environment::inherited(&draft.container, contents);
    let is_set = environment::defines(&draft.container, &inherited, identity::REVISION);
    if !is_set || !names::meets_by_revision(release) {
        return None;
    }
    let field = origin::variable(release, CONTAINERS, names::CONTAINER, identity::REVISION);
    let message = "sets BEAM_REVISION, by which the nodes of a revision find each other with cluster.scope Revision: \
                   give the variable another name";
    Some(Problem::new(field.unwrap_or_else(|| "spec.envFrom".to_owned()), message))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::resources::pod::{draft, stamp, template};
    use crate::resources::reference::{Content, Reference, ReferenceKind};
    use crate::resources::{Facts, fixture};

    const APART: &str = "cluster: {scope: Revision}";

    fn rendered(spec: &str) -> PodTemplateSpec {
        let release = fixture::release(spec);
        template(&release, &draft(&release).unwrap(), &Facts::default(), &Contents::new())
    }

    fn variables(template: &PodTemplateSpec) -> Vec<Value> {
        let variables = template.spec.as_ref().unwrap().containers[0].env.as_ref().unwrap();
        variables.iter().map(|variable| json!(variable)).collect()
    }

    fn variable(template: &PodTemplateSpec, name: &str) -> Value {
        variables(template).into_iter().find(|variable| variable["name"] == name).unwrap()
    }

    #[rstest]
    #[case::service("BEAM_CLUSTER_SERVICE", "$(BEAM_REVISION)-nodes")]
    #[case::dns("BEAM_CLUSTER_DNS", "$(BEAM_REVISION)-nodes.store.svc.cluster.local")]
    #[case::query("DNS_CLUSTER_QUERY", "$(BEAM_CLUSTER_DNS)")]
    fn peers_are_found_by_the_revision(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(variable(&rendered(APART), name)["value"], expected);
    }

    /// The kubelet sees earlier entries only, also with an entry of the user's that ours go behind.
    #[rstest]
    #[case::ours(APART)]
    #[case::theirs("{cluster: {scope: Revision}, env: [{name: BEAM_BASENAME, value: x-$(BEAM_CLUSTER_SERVICE)}]}")]
    fn the_revision_comes_before_what_is_named_after_it(#[case] spec: &str) {
        let template = rendered(spec);
        let place = |name: &str| variables(&template).iter().position(|variable| variable["name"] == name).unwrap();
        assert!(place("BEAM_REVISION") < place("BEAM_CLUSTER_SERVICE"));
        assert!(place("BEAM_REVISION") < place("BEAM_CLUSTER_DNS"));
        assert!(place("BEAM_CLUSTER_DNS") < place("DNS_CLUSTER_QUERY"));
    }

    #[test]
    fn the_cookie_is_named_when_the_revision_is_known() {
        let template = rendered(APART);
        let secret =
            |template: &PodTemplateSpec| variable(template, "BEAM_COOKIE")["valueFrom"]["secretKeyRef"].clone();
        assert_eq!(secret(&template), json!({"name": "$(BEAM_REVISION)-cookie", "key": "cookie"}));
        let stamped = stamp(template, "shop-1");
        assert_eq!(secret(&stamped), json!({"name": "shop-1-cookie", "key": "cookie"}));
        assert!(!json!(stamped).to_string().contains("$(BEAM_REVISION)-cookie"));
    }

    #[rstest]
    #[case::by_revision(APART, true)]
    #[case::by_default("", false)]
    #[case::lone_nodes("cluster: {scope: Revision, distribution: Disabled}", false)]
    #[case::written_by_somebody("podTemplate: {metadata: {annotations: {beam-operator.io/scope: Revision}}}", false)]
    fn the_template_says_so_by_itself(#[case] spec: &str, #[case] expected: bool) {
        assert_eq!(is_apart(rendered(spec).metadata.as_ref().unwrap()), expected);
    }

    /// Of the same revision it is the same as before, with any cookie.
    #[test]
    fn without_it_a_template_names_no_revision() {
        let template = rendered("cluster: {cookie: {secretKeyRef: {name: mine, key: k}}}");
        assert_eq!(variable(&template, "BEAM_CLUSTER_SERVICE")["value"], "shop-nodes");
        let cookie = |template| variable(template, "BEAM_COOKIE");
        assert_eq!(cookie(&stamp(template.clone(), "shop-1")), cookie(&template));
    }

    #[test]
    fn a_sidecar_finds_the_peers_too_and_gets_no_cookie() {
        let sidecar = "podTemplate: {spec: {containers: [{name: proxy, image: 'p:1'}]}}";
        let stamped = stamp(rendered(&format!("{{{APART}, {sidecar}}}")), "shop-1");
        let containers = stamped.spec.unwrap().containers;
        let proxy = json!(containers[1].env).to_string();
        assert!(proxy.contains("$(BEAM_REVISION)-nodes") && !proxy.contains("cookie"), "{proxy}");
    }

    #[rstest]
    #[case::in_env("env: [{name: BEAM_REVISION, value: x}]", Some("spec.env[0]"))]
    #[case::by_env_from("envFrom: [{configMapRef: {name: map}}]", Some("spec.envFrom"))]
    #[case::not_at_all("env: [{name: MY_REVISION, value: $(BEAM_REVISION)}]", None)]
    fn a_revision_of_the_users(#[case] spec: &str, #[case] field: Option<&str>) {
        let map = Reference { kind: ReferenceKind::ConfigMap, name: "map".to_owned() };
        let contents: Contents =
            [(map, Content { keys: ["BEAM_REVISION".to_owned()].into(), ..Content::default() })].into();
        let told = |spec: &str| {
            let release = fixture::release(spec);
            revision_is_set(&release, &draft(&release).unwrap(), &contents).map(|problem| problem.field)
        };
        assert_eq!(told(&format!("{{{APART}, {spec}}}")).as_deref(), field);
        assert_eq!(told(spec), None);
    }
}
