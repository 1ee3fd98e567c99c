//! Names, and the names that derive from them: each becomes the name of an object, a label or a part of a node's name.

use kube::ResourceExt;

use crate::api::ElixirRelease;
use crate::resources::problem::Problem;
use crate::resources::syntax::{is_dns_label, is_object_name};
use crate::resources::{names, tls};

/// What Kubernetes allows in a label and in the name of a Service.
const LABEL: usize = 63;
/// Length of the longest suffix that a release's name gets: that of a revision, `-` and ten characters.
const RELEASE: usize = LABEL - "-0123456789".len();
/// A revision with a headless Service of its own gives that its name, and a suffix.
const RELEASE_APART: usize = RELEASE - "-nodes".len();
/// The name of a cluster gets the suffix of its headless Service.
const CLUSTER: usize = LABEL - "-nodes".len();
/// What Kubernetes allows in a key of a Secret.
const KEY: usize = 253;
/// The longest atom is 255 characters, and an address follows the `@`.
const BASENAME: usize = 128;

pub(super) fn problems(release: &ElixirRelease) -> Vec<Problem> {
    let spec = &release.spec;
    let name = release.name_any();
    let mut problems = Vec::new();
    if name.len() > RELEASE {
        problems.push(Problem::new(
            "metadata.name",
            format!("must have at most {RELEASE} characters: the names of its revisions and of its ServiceAccount derive from it and may have {LABEL}"),
        ));
    }
    if name.len() > RELEASE_APART && name.len() <= RELEASE && names::meets_by_revision(release) {
        problems.push(Problem::new(
            "spec.cluster.scope",
            format!("Revision needs a metadata.name of at most {RELEASE_APART} characters: the Services of its revisions derive from it and may have {LABEL}; use scope Cluster, or a shorter name"),
        ));
    }
    if names::meets_by_revision(release) && spec.cluster.service.name.is_some() {
        problems.push(Problem::new("spec.cluster.service.name", "is of no use with cluster.scope Revision: remove it"));
    }
    if !starts_as_label(&name) {
        problems.push(Problem::new(
            "metadata.name",
            "must be a DNS label that starts with a letter: the Service has the same name",
        ));
    }
    let bounded = [
        ("spec.cluster.name", &spec.cluster.name, CLUSTER),
        ("spec.cluster.service.name", &spec.cluster.service.name, LABEL),
    ];
    for (field, value, most) in bounded {
        if value.as_ref().is_some_and(|name| name.len() > most || !starts_as_label(name)) {
            problems.push(Problem::new(
                field,
                format!("must have at most {most} lower-case letters, digits and dashes, and start with a letter"),
            ));
        }
    }
    problems.extend(image(&spec.image));
    problems.extend(basename(release));
    problems.extend(accounts_and_secrets(release));
    problems
}

fn image(image: &str) -> Option<Problem> {
    let message = "must not have spaces or line breaks: remove them";
    image.contains(char::is_whitespace).then(|| Problem::new("spec.image", message))
}

fn basename(release: &ElixirRelease) -> Option<Problem> {
    let basename = release.spec.cluster.basename.as_ref()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=BASENAME).contains(&basename.len()) && basename.chars().all(is_plain) {
        return None;
    }
    let message = format!(
        "must have 1 to {BASENAME} letters, digits, dashes and underscores: it is the part of a node's name before the @"
    );
    Some(Problem::new("spec.cluster.basename", message))
}

fn accounts_and_secrets(release: &ElixirRelease) -> Vec<Problem> {
    let spec = &release.spec;
    let cookie = spec.cluster.cookie.secret_key_ref.as_ref();
    let certificate = spec.cluster.tls.secret_name.as_ref().filter(|name| !name.is_empty());
    let account = spec.service_account_name.as_ref().filter(|name| !name.is_empty());
    let mut problems = Vec::new();
    let objects = [
        ("spec.cluster.cookie.secretKeyRef.name", cookie.map(|cookie| &cookie.name), "Secret"),
        ("spec.serviceAccountName", account, "ServiceAccount"),
        (tls::SECRET_NAME, certificate, "Secret"),
    ];
    for (field, name, kind) in objects {
        if name.is_some_and(|name| !is_object_name(name)) {
            problems.push(Problem::new(
                field,
                format!("is not a name that a {kind} can have: lower-case letters, digits, dashes and dots"),
            ));
        }
    }
    if cookie.is_some_and(|cookie| !is_key(&cookie.key)) {
        problems.push(Problem::new(
            "spec.cluster.cookie.secretKeyRef.key",
            "is not a key that a Secret can have: letters, digits, dashes, underscores and dots",
        ));
    }
    problems
}

/// A traffic Service has its release's name, so the headless one of the cluster must have another: another than the
/// release's own, and than that of any member. Of two members the younger is told.
pub(super) fn one_service_for_two(release: &ElixirRelease, members: &[&ElixirRelease]) -> Option<Problem> {
    if !names::is_distributed(release) {
        return None;
    }
    let (name, headless) = (release.name_any(), names::headless_service(release));
    if headless == name {
        return Some(Problem::new(
            "spec.cluster.service.name",
            "must not be the release's own name, which its traffic Service has: choose another",
        ));
    }
    if names::has_preview(release) && headless == names::preview_service(release) {
        let message = format!("must not be {headless}, which the Service for previews has: choose another");
        return Some(Problem::new("spec.cluster.service.name", message));
    }
    for older in members.iter().take_while(|member| member.name_any() != name) {
        if older.name_any() == headless {
            let message = format!(
                "must not be {headless}: the traffic Service of release {headless}, an older member of the cluster, has that name; choose another"
            );
            return Some(Problem::new("spec.cluster.service.name", message));
        }
        if names::headless_service(older) == name {
            let message = format!(
                "must not be {name}: release {}, an older member of the cluster, names its headless Service so (cluster.service.name); choose another",
                older.name_any()
            );
            return Some(Problem::new("metadata.name", message));
        }
    }
    None
}

fn starts_as_label(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && is_dns_label(name)
}

fn is_key(key: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=KEY).contains(&key.len()) && key.chars().all(is_inner) && key != "." && key != ".."
}
