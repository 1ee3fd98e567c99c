//! `beam-operator render`: the children that releases would get, without a cluster.
//!
//! It runs the same validation and the same plan as the controller, on what a file says. What only a cluster knows is
//! missing: owners, the value of a new cookie, and whether the ConfigMaps and Secrets that are referred to exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use jiff::Timestamp;
use kube::api::ObjectMeta;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::api::ElixirRelease;
use crate::controller::cache::{Cache, Change, Key};
use crate::controller::observe::Observed;
use crate::controller::plan::{Step, plan};
use crate::controller::validate::{References, validate};
use crate::resources::problem::Problem;
use crate::resources::{Facts, names, strict, tls};

/// What to render.
#[derive(Debug, Args)]
pub struct Options {
    /// File with one or more ElixirReleases in YAML or JSON; - reads standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    pub file: PathBuf,
    /// What to assume of the cluster.
    #[command(flatten)]
    pub facts: Assumptions,
}

/// What to assume of the cluster.
#[derive(Debug, Args)]
pub struct Assumptions {
    /// DNS domain of the cluster, the last part of the names of Services
    #[arg(long, value_name = "DOMAIN", default_value = "cluster.local")]
    cluster_domain: String,
    /// Namespace the operator runs in, which NetworkPolicies let in
    #[arg(long, value_name = "NAMESPACE")]
    operator_namespace: Option<String>,
}

impl From<Assumptions> for Facts {
    fn from(assumed: Assumptions) -> Self {
        let Assumptions { cluster_domain, operator_namespace } = assumed;
        Self { cluster_domain, operator_namespace, observes: true }
    }
}

/// What there is to print.
#[derive(Debug)]
pub struct Rendered {
    /// The children, as YAML documents.
    pub documents: String,
    /// What is probably not meant, a line each.
    pub warnings: Vec<String>,
}

/// The children of the releases in a file.
///
/// # Errors
/// The file cannot be read, or a release in it is not valid: then every problem of every release.
pub fn file(path: &Path, facts: &Facts) -> anyhow::Result<Rendered> {
    let text = match path.to_str() {
        Some("-") => std::io::read_to_string(std::io::stdin()),
        _ => std::fs::read_to_string(path),
    };
    render(&text.with_context(|| format!("cannot read {}", path.display()))?, facts)
}

/// The children of the releases in YAML documents.
///
/// # Errors
/// A document is no release, or a release is not valid: then every problem of every release.
pub fn render(text: &str, facts: &Facts) -> anyhow::Result<Rendered> {
    let mut cache = Cache::default();
    let mut releases = Vec::new();
    let mut problems = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = Value::deserialize(document).context("not YAML")?;
        if value.is_null() {
            continue;
        }
        match parse(value) {
            Ok((release, unknown)) => {
                releases.push((Key::of(&release), unknown));
                cache.on_release(Change::Seen(release));
            }
            Err(told) => problems.push(told),
        }
    }
    if releases.is_empty() && problems.is_empty() {
        bail!("no ElixirRelease in it");
    }
    let mut documents: Vec<Value> = Vec::new();
    let mut warnings = Vec::new();
    for (key, mut wrong) in releases {
        match children(&cache, &key, facts) {
            Ok((children, odd)) => {
                warnings.extend(odd.iter().map(|problem| format!("warning: {}", line(&key.name, problem))));
                // What members of a cluster share is printed with the first of them.
                for child in children {
                    if !documents.contains(&child) {
                        documents.push(child);
                    }
                }
            }
            Err(found) => wrong.extend(found),
        }
        if !wrong.is_empty() {
            problems.push(told(&key.name, &wrong));
        }
    }
    if !problems.is_empty() {
        bail!(problems.join("\n"));
    }
    let yaml = documents.iter().map(serde_yaml::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(Rendered { documents: yaml.iter().flat_map(|document| ["---\n", document]).collect(), warnings })
}

/// A release and the fields in it that do not exist; all that is wrong with a document that is none.
fn parse(mut value: Value) -> Result<(ElixirRelease, Vec<Problem>), String> {
    if value["kind"] != "ElixirRelease" {
        return Err(format!("a document is of kind {}, and only ElixirRelease can be rendered", value["kind"]));
    }
    let name = value["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let (spec, unknown) = match strict::parse(&value["spec"], "spec") {
        Ok(spec) => (spec, Vec::new()),
        // The rest of it can be judged all the same.
        Err(problems) => match serde_json::from_value(value["spec"].take()) {
            Ok(spec) => (spec, problems),
            Err(_) => return Err(told(&name, &problems)),
        },
    };
    let metadata = serde_json::from_value(value["metadata"].take());
    let mut metadata: ObjectMeta = metadata.map_err(|error| format!("ElixirRelease {name}: metadata: {error}"))?;
    metadata.namespace.get_or_insert_with(|| "default".to_owned());
    Ok((ElixirRelease { metadata, spec, status: None }, unknown))
}

fn told(release: &str, problems: &[Problem]) -> String {
    problems.iter().map(|problem| line(release, problem)).collect::<Vec<_>>().join("\n")
}

fn line(release: &str, problem: &Problem) -> String {
    format!("ElixirRelease {release}: {problem}")
}

/// The children of a release, and what is odd about it.
fn children(cache: &Cache, key: &Key, facts: &Facts) -> Result<(Vec<Value>, Vec<Problem>), Vec<Problem>> {
    let Some(observed) = Observed::of(cache, key, &[]) else { return Ok((Vec::new(), Vec::new())) };
    let members: Vec<&ElixirRelease> = observed.members.iter().map(Arc::as_ref).collect();
    let now = Timestamp::now();
    let valid = validate(&observed.release, &members, References::Unknown, facts, now)?;
    let steps = plan(&observed, &valid, facts, now).steps;
    Ok((steps.into_iter().flat_map(|step| objects(step, &observed)).collect(), valid.warnings))
}

fn objects(step: Step, observed: &Observed) -> Vec<Value> {
    match step {
        Step::Create(desired) => vec![desired.object],
        Step::CreateCookie(_) => vec![json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": names::cookie_secret(&observed.release), "namespace": *observed.key.namespace},
            "stringData": {(names::COOKIE_KEY): "(64 random characters, made once in the cluster)"},
        })],
        Step::CreateRevisionCookie(_, revision) => vec![json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": names::revision_cookie(&revision).name, "namespace": *observed.key.namespace},
            "stringData": {(names::COOKIE_KEY): "(made in the cluster, from the cookie of the cluster and the revision)"},
        })],
        Step::KeepCertificates(_) => certificates(observed),
        _ => Vec::new(),
    }
}

fn certificates(observed: &Observed) -> Vec<Value> {
    let made = "(made in the cluster, and renewed)";
    let of = |name: String, type_: &str, keys: &[&str]| {
        let data: BTreeMap<_, _> = keys.iter().map(|key| (*key, made)).collect();
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": *observed.key.namespace},
            "type": type_,
            "stringData": data,
        })
    };
    let of_authority = [tls::AUTHORITIES, tls::AUTHORITY_KEY, tls::CERTIFICATE, tls::PRIVATE_KEY];
    vec![
        of(names::certificate_authority(&observed.release), "Opaque", &of_authority),
        of(names::node_certificate(&observed.release), "kubernetes.io/tls", &tls::KEYS),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: &str = "apiVersion: beam-operator.io/v1alpha1\nkind: ElixirRelease\nmetadata: {name: shop}\nspec: ";

    #[test]
    fn three_lines_of_spec_render_every_child() {
        let text = format!("{SHOP}{{image: 'shop:1', replicas: 3, ports: [{{containerPort: 4000}}]}}");
        let rendered = render(&text, &Facts::default()).unwrap().documents;
        let kinds: Vec<_> = rendered.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
        let expected = [
            "Secret",
            "Service",
            "NetworkPolicy",
            "ControllerRevision",
            "Deployment",
            "Service",
            "PodDisruptionBudget",
        ];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn a_stateful_set_renders_in_the_place_of_a_deployment() {
        let text = format!("{SHOP}{{image: 'shop:1', workload: {{kind: StatefulSet}}, cluster: {{host: PodFQDN}}}}");
        let facts = Facts { cluster_domain: "example.org".to_owned(), ..Facts::default() };
        let rendered = render(&text, &facts).unwrap().documents;
        assert!(rendered.contains("kind: StatefulSet") && !rendered.contains("kind: Deployment"), "{rendered}");
        assert!(rendered.contains("shop@$(POD_NAME).shop-nodes.default.svc.example.org"), "{rendered}");
    }

    #[test]
    fn what_members_of_a_cluster_share_is_rendered_once() {
        let shop = format!("{SHOP}{{image: 'shop:1', cluster: {{name: shop}}}}");
        let web = shop.replacen("{name: shop}", "{name: web}", 1);
        let rendered = render(&format!("{shop}\n---\n{web}"), &Facts::default()).unwrap().documents;
        assert_eq!(rendered.matches("kind: Secret").count(), 1);
        assert_eq!(rendered.matches("  name: shop-nodes\n").count(), 1);
        assert_eq!(rendered.matches("kind: Deployment").count(), 2);
    }

    #[test]
    fn every_problem_of_every_release_is_told() {
        let bad = format!("{SHOP}{{image: '', replicas: -1}}");
        let told = render(&format!("{bad}\n---\n{}", bad.replacen("shop", "web", 1)), &Facts::default())
            .unwrap_err()
            .to_string();
        for expected in
            ["ElixirRelease shop: spec.image", "ElixirRelease shop: spec.replicas", "ElixirRelease web: spec.image"]
        {
            assert!(told.contains(expected), "{expected} is not in:\n{told}");
        }
    }

    #[test]
    fn an_unknown_field_hides_no_other_problem() {
        let bad = format!("{SHOP}{{image: a, replicas: -1, clutser: {{}}}}");
        let worse = bad.replacen("{name: shop}", "{name: web}", 1).replacen("-1", "many", 1);
        let told = render(&format!("{worse}\n---\nkind: Pod\n---\n{bad}"), &Facts::default()).unwrap_err().to_string();
        let expected = [
            "ElixirRelease web: spec.clutser: is not a field of this API: check its spelling and place",
            "ElixirRelease web: spec.replicas: invalid type: string \"many\", expected i32",
            "a document is of kind \"Pod\", and only ElixirRelease can be rendered",
            "ElixirRelease shop: spec.clutser: is not a field of this API: check its spelling and place",
            "ElixirRelease shop: spec.replicas: must be 0 or more, not -1",
        ];
        assert_eq!(told, expected.join("\n"));
    }

    #[test]
    fn what_is_odd_is_told_beside_the_children() {
        let text = format!("{SHOP}{{image: 'shop:1', env: [{{name: A, value: $(NOPE)}}]}}");
        let rendered = render(&text, &Facts::default()).unwrap();
        let odd = "warning: ElixirRelease shop: spec.env[0]: A refers to $(NOPE), which is defined nowhere: define it, or \
                   write $$ for a literal $";
        assert_eq!(rendered.warnings, [odd]);
        assert!(rendered.documents.contains("kind: Deployment"));
    }
}
