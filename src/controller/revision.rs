//! Which revision a release asks for.
//!
//! A revision is what a pod looks like and what configuration it reads. It is recorded with a digest of each side: of
//! what it was rendered *to* and of the inputs it was rendered *from*. A release keeps its running revision as long as one
//! of them is the same. So neither a field that says what the default said nor a new version of the operator, which may
//! render the same inputs otherwise, restarts a node; only a change of both does.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use super::view::RevisionView;
use crate::api::{ElixirRelease, Scope};
use crate::digest;
use crate::resources::{Facts, controller_revision, labels};

/// Fields of the spec that make no difference to a pod.
const NOT_OF_THE_POD: [&str; 7] =
    ["replicas", "autoscaling", "paused", "rollout", "migrations", "disruptionBudget", "networkPolicy"];

/// What a release asks of its pods now.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// The template of the pods, without the label that names the revision.
    pub template: PodTemplateSpec,
    /// What a ControllerRevision records of it.
    pub data: Value,
    /// Digest of what was rendered.
    pub digest: u64,
    /// Digest of what it was rendered from.
    pub inputs: u64,
}

impl Rendered {
    /// A template, the digests of the configuration that its pods read, by object, and for which value its nodes were
    /// restarted.
    #[must_use]
    pub fn new(
        release: &ElixirRelease,
        mut template: PodTemplateSpec,
        config: &BTreeMap<String, String>,
        restarted_at: Option<&str>,
        facts: &Facts,
    ) -> Self {
        if let Some(value) = restarted_at {
            let annotations = template.metadata.get_or_insert_default().annotations.get_or_insert_default();
            annotations.insert(labels::RESTARTED_AT.to_owned(), value.to_owned());
        }
        let data = controller_revision::data(&template, config);
        let inputs = inputs(release, config, restarted_at, facts);
        Self { digest: digest::of_value(&data), inputs, template, data }
    }
}

/// The revision to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its name.
    pub name: String,
    /// Its number in the history.
    pub number: i64,
    /// Whether its pods look as rendered now. If not, another version of the operator rendered them and what it recorded
    /// counts.
    pub is_rendered: bool,
}

/// Chooses the revision for what was rendered, given the history, newest first, and the name of the running one.
#[must_use]
pub fn choose(
    release: &ElixirRelease,
    rendered: &Rendered,
    history: &[(&str, &RevisionView)],
    running: Option<&str>,
) -> Choice {
    let newest = history.first().map_or(0, |(_, newest)| newest.number);
    let current = history.iter().find(|(name, _)| Some(*name) == running);
    if let Some((name, view)) = current {
        let is_rendered = view.digest == rendered.digest;
        if is_rendered || view.inputs == Some(rendered.inputs) {
            // One that is asked for again while another was is the newest from then on.
            let number = if is_rendered && view.number < newest { newest + 1 } else { view.number };
            return Choice { name: (*name).to_owned(), number, is_rendered };
        }
    }
    match history.iter().find(|(_, view)| view.digest == rendered.digest) {
        // It was recorded already, and what came after that was cut short.
        Some((name, view)) if view.number == newest => {
            Choice { name: (*name).to_owned(), number: newest, is_rendered: true }
        }
        Some((name, _)) => Choice { name: (*name).to_owned(), number: newest + 1, is_rendered: true },
        None => Choice { name: name(release, rendered.digest), number: newest + 1, is_rendered: true },
    }
}

fn name(release: &ElixirRelease, digest: u64) -> String {
    // Ten digits leave 52 characters for the name of the release in a label's 63.
    format!("{}-{:010x}", release.name_any(), digest >> 24)
}

fn inputs(
    release: &ElixirRelease,
    config: &BTreeMap<String, String>,
    restarted_at: Option<&str>,
    facts: &Facts,
) -> u64 {
    let mut spec = serde_json::to_value(&release.spec).unwrap_or_default();
    if let Value::Object(spec) = &mut spec {
        spec.retain(|field, _| !NOT_OF_THE_POD.contains(&field.as_str()));
        // A field that came later is no other input as long as it says what was so before.
        let cluster = spec.get_mut("cluster").and_then(Value::as_object_mut);
        let is_said = |cluster: &&mut Map<String, Value>| cluster.get("scope") == Some(&json!(Scope::default()));
        drop(cluster.filter(is_said).and_then(|cluster| cluster.remove("scope")));
    }
    let inputs = (release.name_any(), spec, config, &facts.cluster_domain);
    restarted_at.map_or_else(|| digest::of(&inputs), |value| digest::of(&(&inputs, value)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::resources::fixture;

    fn rendered(digest: u64, inputs: u64) -> Rendered {
        Rendered { template: PodTemplateSpec::default(), data: Value::Null, digest, inputs }
    }

    fn view(number: i64, digest: u64, inputs: u64) -> RevisionView {
        RevisionView { number, digest, inputs: Some(inputs), ..RevisionView::default() }
    }

    fn chosen(rendered: &Rendered, running: Option<&str>) -> (String, i64, bool) {
        let views = [view(2, 20, 200), view(1, 10, 100)];
        let history = [("shop-b", &views[0]), ("shop-a", &views[1])];
        let choice = choose(&fixture::release(""), rendered, &history, running);
        (choice.name, choice.number, choice.is_rendered)
    }

    #[rstest]
    #[case::same(rendered(20, 200), "shop-b", 2, true)]
    #[case::said_otherwise(rendered(20, 999), "shop-b", 2, true)]
    #[case::rendered_otherwise(rendered(999, 200), "shop-b", 2, false)]
    #[case::back_to_an_older_one(rendered(10, 100), "shop-a", 3, true)]
    #[case::new(rendered(0xffff_ffff_ff00_0000, 999), "shop-ffffffffff", 3, true)]
    fn a_revision_changes_only_when_inputs_and_rendering_both_do(
        #[case] rendered: Rendered,
        #[case] name: &str,
        #[case] number: i64,
        #[case] is_rendered: bool,
    ) {
        assert_eq!(chosen(&rendered, Some("shop-b")), (name.to_owned(), number, is_rendered));
    }

    #[test]
    fn a_revision_that_was_recorded_and_never_applied_keeps_its_number() {
        assert_eq!(chosen(&rendered(20, 200), Some("shop-a")), ("shop-b".to_owned(), 2, true));
    }

    #[test]
    fn one_that_went_on_running_and_is_asked_for_again_is_the_newest() {
        assert_eq!(chosen(&rendered(10, 100), Some("shop-a")), ("shop-a".to_owned(), 3, true));
        // What another version of the operator recorded cannot be recorded anew.
        assert_eq!(chosen(&rendered(11, 100), Some("shop-a")), ("shop-a".to_owned(), 1, false));
    }

    #[test]
    fn the_first_revision_has_number_one() {
        let choice = choose(&fixture::release(""), &rendered(1 << 24, 1), &[], None);
        assert_eq!(choice, Choice { name: "shop-0000000001".to_owned(), number: 1, is_rendered: true });
    }

    #[rstest]
    #[case("replicas: 7")]
    #[case("paused: true")]
    #[case("rollout: {maxSurge: 3}")]
    #[case("networkPolicy: Disabled")]
    #[case("disruptionBudget: {mode: Disabled}")]
    #[case("autoscaling: {maxReplicas: 4}")]
    #[case("migrations: [{name: ecto, eval: a}]")]
    fn what_is_not_of_the_pod_is_no_input(#[case] spec: &str) {
        let inputs = |spec: &str| inputs(&fixture::release(spec), &BTreeMap::new(), None, &Facts::default());
        assert_eq!(inputs(spec), inputs(""));
        assert_ne!(inputs("imagePullPolicy: Always"), inputs(""));
    }
}
