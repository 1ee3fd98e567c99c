//! What a binary is made of, in CycloneDX.
//!
//! cargo-cyclonedx describes every crate that Cargo.lock has for a target, with licence, checksum and purl. Of these only
//! the ones that cargo compiled for this binary stay: `cargo metadata`, which cargo-cyclonedx asks, also tells what tests
//! and optional features would add.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::architecture::Architecture;
use crate::cargo_tools::CARGO_CYCLONEDX;
use crate::checkout::root;
use crate::command;
use crate::compile::Compiled;

/// The end of the names that cargo-cyclonedx gives its files, which it writes beside each package's manifest.
const SUFFIX: &str = "_bin.cdx.json";

/// The bill of materials of a package's binary.
pub(super) fn of(package: &str, architecture: Architecture, compiled: &Compiled, time: u64) -> Result<Vec<u8>> {
    let mut cyclonedx = Command::new(CARGO_CYCLONEDX.path()?);
    cyclonedx.current_dir(root()).args([
        "cyclonedx",
        "--quiet",
        "--format",
        "json",
        "--spec-version",
        "1.5",
        "--describe",
        "binaries",
    ]);
    cyclonedx.args(["--target", architecture.target()]).env("SOURCE_DATE_EPOCH", time.to_string());
    let made = command::run(&mut cyclonedx);
    let found = take(root(), &format!("{package}{SUFFIX}"));
    made?;
    let bom = found?.with_context(|| format!("cargo-cyclonedx did not describe {package}"))?;
    let bom = linked(serde_json::from_str(&bom)?, &compiled.packages)?;
    let text = format!("{}\n", serde_json::to_string_pretty(&bom)?);
    Ok(anywhere(&text, root()).into_bytes())
}

/// Removes every file of cargo-cyclonedx from the packages of a checkout, and returns what the one called `name` says.
fn take(checkout: &Path, name: &str) -> Result<Option<String>> {
    let mut found = None;
    let directories = fs::read_dir(checkout)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    for directory in directories.iter().filter(|path| path.is_dir()).map(AsRef::as_ref).chain([checkout]) {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let file = entry.file_name();
            if !file.to_string_lossy().ends_with(SUFFIX) {
                continue;
            }
            if file == name {
                found = Some(fs::read_to_string(entry.path())?);
            }
            fs::remove_file(entry.path())?;
        }
    }
    Ok(found)
}

/// Only what is linked, which has to be described completely.
fn linked(mut bom: Value, packages: &BTreeSet<String>) -> Result<Value> {
    let is_linked = |reference: &Value| reference.as_str().is_some_and(|it| packages.contains(it));
    ensure!(is_linked(&bom["metadata"]["component"]["bom-ref"]), "the bill of materials is not that of the binary");
    for list in ["components", "dependencies"] {
        let key = if list == "components" { "bom-ref" } else { "ref" };
        bom[list].as_array_mut().with_context(|| format!("there are no {list}"))?.retain(|it| is_linked(&it[key]));
    }
    for dependency in bom["dependencies"].as_array_mut().into_iter().flatten() {
        if let Some(on) = dependency.get_mut("dependsOn").and_then(Value::as_array_mut) {
            on.retain(is_linked);
        }
    }
    let described = bom["components"].as_array().map_or(0, Vec::len);
    // One of them is the binary's own.
    ensure!(described + 1 == packages.len(), "{described} crates are described, and {} linked", packages.len() - 1);
    Ok(bom)
}

/// A text without the path of the checkout.
fn anywhere(text: &str, checkout: &Path) -> String {
    text.replace(&checkout.display().to_string(), "/source")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn packages(ids: &[&str]) -> BTreeSet<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn bom() -> Value {
        json!({
            "metadata": {"component": {"bom-ref": "own@1"}},
            "components": [{"bom-ref": "kube@5"}, {"bom-ref": "derive@1"}],
            "dependencies": [
                {"ref": "own@1", "dependsOn": ["kube@5", "derive@1"]},
                {"ref": "kube@5"},
                {"ref": "derive@1"},
            ],
        })
    }

    #[test]
    fn what_is_not_linked_is_left_out() {
        assert_eq!(
            linked(bom(), &packages(&["own@1", "kube@5"])).unwrap(),
            json!({
                "metadata": {"component": {"bom-ref": "own@1"}},
                "components": [{"bom-ref": "kube@5"}],
                "dependencies": [{"ref": "own@1", "dependsOn": ["kube@5"]}, {"ref": "kube@5"}],
            })
        );
    }

    #[test]
    fn a_crate_that_is_not_described_is_noticed() {
        let error = linked(bom(), &packages(&["own@1", "kube@5", "ring@0.17"])).unwrap_err().to_string();
        assert_eq!(error, "1 crates are described, and 2 linked");
        assert!(linked(bom(), &packages(&["other@1", "kube@5"])).is_err());
    }

    #[test]
    fn the_files_are_taken_out_of_every_package() {
        let checkout = std::env::temp_dir().join(format!("beam-operator-sbom-{}", std::process::id()));
        fs::create_dir_all(checkout.join("plugin")).unwrap();
        for file in ["own_bin.cdx.json", "plugin/plugin_bin.cdx.json", "plugin/Cargo.toml"] {
            fs::write(checkout.join(file), file).unwrap();
        }
        let found = take(&checkout, "plugin_bin.cdx.json").unwrap();
        let left: Vec<_> = fs::read_dir(&checkout).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        let kept = checkout.join("plugin/Cargo.toml").exists();
        fs::remove_dir_all(&checkout).unwrap();
        assert_eq!(found.as_deref(), Some("plugin/plugin_bin.cdx.json"));
        assert!(kept && left == ["plugin"], "{left:?}");
    }

    #[test]
    fn the_path_of_the_checkout_is_not_told() {
        assert_eq!(anywhere("path+file:///home/me/c#own@1", Path::new("/home/me/c")), "path+file:///source#own@1");
    }
}
