//! What the validators of the Operator Framework make of the bundle and the catalog. A warning is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::{command, tools};

/// The manifests of the bundle.
pub(super) const BUNDLE: &str = "deploy/olm/bundle/manifests";

/// What of a bundle is installed as it is: everything but the ClusterServiceVersion, for which there is no schema.
pub(super) fn objects(manifests: &Path) -> Result<Vec<PathBuf>> {
    let mut files = super::yaml_files(manifests)?;
    files.retain(|file| !file.to_string_lossy().ends_with(".clusterserviceversion.yaml"));
    Ok(files)
}

/// Checks the manifests of a bundle.
pub(crate) fn bundle(manifests: &Path) -> Result<()> {
    let mut verify = Command::new(tools::OPERATOR_VERIFY.path()?);
    verify.args(["manifests", "--operatorhub_validate", "--object_validate"]);
    refuse("operator-verify", &command::complaints(verify.arg(manifests))?)
}

/// Checks a whole bundle as those do who take it into a catalog. operator-sdk takes minutes to build, so this is done only
/// with the files of a release.
pub(crate) fn whole_bundle(bundle: &Path) -> Result<()> {
    let mut sdk = Command::new(tools::OPERATOR_SDK.path()?);
    sdk.args(["bundle", "validate", "--select-optional", "suite=operatorframework"]);
    refuse("operator-sdk", &command::complaints(sdk.arg(bundle))?)
}

fn refuse(validator: &str, said: &str) -> Result<()> {
    let complaints: Vec<_> = said.lines().filter(|line| !is_well(line)).collect();
    ensure!(complaints.is_empty(), "{validator} complains:\n{}", complaints.join("\n"));
    Ok(())
}

/// Whether nobody has to look at a line: it is not even a warning, or it is always there.
fn is_well(line: &str) -> bool {
    line.contains("level=info") || is_of_the_validator(line)
}

/// Checks a file-based catalog: that its parts name each other, and that the channel has one head.
pub(crate) fn catalog(directory: &Path) -> Result<()> {
    let mut opm = Command::new(tools::OPM.path()?);
    command::run(opm.arg("validate").arg(directory))
}

/// Whether a warning is always there. The validator says of itself that it has a successor. And it takes rules on
/// EndpointSlices and Events for such on v1beta1 of their groups, which Kubernetes 1.25 removed, although rules name no version.
fn is_of_the_validator(line: &str) -> bool {
    if line.contains(r#"The \"operatorhub\" validator is deprecated"#) {
        return true;
    }
    let Some((_, removed)) = line.split_once("removed in v1.25.").and_then(|(_, rest)| rest.split_once("API(s) for "))
    else {
        return false;
    };
    let is_rule = |api: &str| api.contains("Permissions[0].Rules[");
    let apis: Vec<_> = removed.trim_end_matches('"').split_inclusive("]),").filter(|api| is_rule(api)).collect();
    apis.concat() == removed.trim_end_matches('"')
        && apis.iter().all(|api| api.starts_with("endpointslices: (") || api.starts_with("events: ("))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::checkout::root;

    /// A copy of a directory, with a file of it changed.
    fn changed(name: &str, from: &str, file: &str, change: impl Fn(&str) -> String) -> PathBuf {
        let copy = std::env::temp_dir().join(format!("beam-operator-olm-{}-{name}", std::process::id()));
        fs::create_dir_all(&copy).unwrap();
        for entry in fs::read_dir(root().join(from)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
        let text = fs::read_to_string(copy.join(file)).unwrap();
        let changed = change(&text);
        assert_ne!(text, changed);
        fs::write(copy.join(file), changed).unwrap();
        copy
    }

    const CSV: &str = "beam-operator.clusterserviceversion.yaml";

    fn refusal(name: &str, change: impl Fn(&str) -> String) -> String {
        let copy = changed(name, BUNDLE, CSV, change);
        let error = bundle(&copy).unwrap_err().to_string();
        fs::remove_dir_all(copy).unwrap();
        error
    }

    #[test]
    fn the_bundle_and_the_catalog_are_well() {
        bundle(&root().join(BUNDLE)).unwrap();
        catalog(&root().join("deploy/olm/catalog")).unwrap();
    }

    #[test]
    fn a_category_that_does_not_exist_is_refused() {
        let error = refusal("category", |csv| csv.replace("categories: Application Runtime", "categories: Beams"));
        assert!(error.contains("Beams"), "{error}");
    }

    #[test]
    fn a_template_of_another_kind_is_refused() {
        let error = refusal("template", |csv| csv.replace(r#""kind": "ElixirRelease""#, r#""kind": "Unknown""#));
        assert!(error.contains("Unknown"), "{error}");
    }

    #[test]
    fn a_rule_on_something_that_was_removed_is_told_beside_those_that_were_not() {
        let error = refusal("removed", |csv| {
            csv.replace("- endpointslices", "- cronjobs").replace("- discovery.k8s.io", "- batch")
        });
        assert!(error.contains("cronjobs"), "{error}");
    }

    #[test]
    fn an_upgrade_from_a_version_without_a_bundle_is_refused() {
        let copy = changed("entry", "deploy/olm/catalog/beam-operator", "catalog.yaml", |catalog| {
            catalog.replace("entries:\n", "entries:\n- name: beam-operator.v0.0.1\n")
        });
        assert!(catalog(&copy).is_err());
        fs::remove_dir_all(copy).unwrap();
    }
}
