//! The version, where something that people write has to name it: `version` in Cargo.toml is the only place to change.

use anyhow::{Result, ensure};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a version of this project follows: names of images, of files, and of programs that tell theirs, and
/// what the making of a release says.
const NAMES: [&str; 18] = [
    "beam-operator:",
    "beam-operator-bundle:",
    "beam-operator-catalog:",
    "beam-operator_",
    "beam-operator-bundle_",
    "kubectl-beam_",
    "beam-operator-",
    "beam-release-",
    "beam-operator ",
    "beam-operator.v",
    "kubectl-beam: ",
    "beam-operator/v",
    "origin v",
    "--annotate v",
    "## [",
    "Error: ",
    "changes of ",
    "--build-arg VERSION=",
];

/// A `Chart.yaml` whose chart and application have this version.
pub(super) fn chart(text: &str) -> Result<String> {
    let keys = ["version: ", "appVersion: "];
    let current = |line: &str| match keys.iter().find(|key| line.starts_with(**key)) {
        Some(key) => format!("{key}{VERSION}\n"),
        None => format!("{line}\n"),
    };
    let count = text.lines().filter(|line| keys.iter().any(|key| line.starts_with(key))).count();
    ensure!(count == keys.len(), "Chart.yaml needs one line each of version and appVersion");
    Ok(text.lines().map(current).collect())
}

/// A page whose commands name images of this version.
pub(super) fn page(text: &str) -> String {
    NAMES.iter().fold(text.to_owned(), |text, name| {
        let mut parts = text.split(name);
        let mut page = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            page.push_str(name);
            page.push_str(version(part).map_or("", |_| VERSION));
            page.push_str(&part[version(part).map_or(0, str::len)..]);
        }
        page
    })
}

/// The version that a text begins with: three numbers, and perhaps what comes before that release, such as `-rc.1`.
fn version(text: &str) -> Option<&str> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut end = 0;
    for part in 0..3 {
        end += usize::from(part > 0 && text[end..].starts_with('.'));
        let count = digits(&text[end..]);
        if count == 0 || (part > 0 && !text[..end].ends_with('.')) {
            return None;
        }
        end += count;
    }
    if let Some(before) = text[end..].strip_prefix('-') {
        let word = before.bytes().take_while(u8::is_ascii_lowercase).count();
        let number = before[word..].strip_prefix('.').map(digits).filter(|count| *count > 0);
        end += if word > 0 { 1 + word + number.map_or(0, |count| 1 + count) } else { 0 };
    }
    Some(&text[..end])
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::checkout::root;

    #[test]
    fn a_chart_gets_both_versions_and_keeps_the_rest() {
        let text = "apiVersion: v2\n# why\nversion: 9.9.9\nappVersion: 9.9.8\nkubeVersion: \">= 1.31.0-0\"\n";
        let expected =
            format!("apiVersion: v2\n# why\nversion: {VERSION}\nappVersion: {VERSION}\nkubeVersion: \">= 1.31.0-0\"\n");
        assert_eq!(chart(text).unwrap(), expected);
        assert!(chart("version: 9.9.9\n").is_err());
    }

    #[test]
    fn a_version_ends_where_a_file_name_goes_on() {
        for (text, expected) in [
            ("1.2.3", Some("1.2.3")),
            ("1.2.3.oci.tar", Some("1.2.3")),
            ("1.20.3_linux_amd64.tar.gz", Some("1.20.3")),
            ("1.2.3-rc.1.tgz", Some("1.2.3-rc.1")),
            ("1.2.3-rc, ", Some("1.2.3-rc")),
            ("1.2.3.", Some("1.2.3")),
            ("1.2", None),
            ("1.2.x", None),
            ("12.tgz", None),
            ("b898679db-vb29z", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_gets_the_version_of_images_and_of_nothing_else() {
        let text = "push r.example.com/beam-operator:9.9.9, or beam-operator-bundle:9.9.9-rc.1.\n\
                    --build-arg VERSION=9.9.9 --tag shop:9.9.9 beam-operator:VERSION\n";
        let expected = format!(
            "push r.example.com/beam-operator:{VERSION}, or beam-operator-bundle:{VERSION}.\n\
             --build-arg VERSION={VERSION} --tag shop:9.9.9 beam-operator:VERSION\n"
        );
        assert_eq!(page(text), expected);
    }

    /// What may name a version: generated files, which are compared with what they follow from, and what happened.
    const MAY_NAME_ONE: [&str; 11] = [
        "CHANGELOG.md",
        "deploy/helm/beam-operator/Chart.yaml",
        "deploy/helm/beam-operator/README.md",
        "deploy/helm/beam-release/Chart.yaml",
        "deploy/manifests/",
        "deploy/olm/bundle/",
        "deploy/olm/catalog/",
        "docs/development.md",
        "docs/install.md",
        "docs/plugin.md",
        "docs/releasing.md",
    ];

    /// The files of the checkout, but for what is built and what is hidden.
    fn list(directory: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == "target" || name == "Cargo.lock" || name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                list(&path, files);
            } else {
                files.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn nobody_has_to_change_the_version_anywhere_else() {
        let mut files = Vec::new();
        list(root(), &mut files);
        let mut read = 0;
        for file in files.iter().filter(|file| !MAY_NAME_ONE.iter().any(|may| file.starts_with(may))) {
            let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
            read += 1;
            for name in NAMES {
                let mut found = text.split(name).skip(1).filter_map(version);
                assert!(!found.any(|found| found == VERSION), "{file} names the version after {name}");
            }
            if file.ends_with("Cargo.toml") {
                assert!(text.contains("\nversion.workspace = true\n"), "{file} has a version of its own");
            }
        }
        assert!(read > 100, "only {read} files were read");
    }

    #[test]
    fn what_a_page_names_by_its_version_is_known() {
        for page in MAY_NAME_ONE.iter().filter(|path| path.starts_with("docs/")) {
            let text = fs::read_to_string(root().join(page)).unwrap();
            for word in text.split_whitespace().filter(|word| word.contains("beam-") && word.contains(VERSION)) {
                let is_known = NAMES.iter().any(|name| word.contains(&format!("{name}{VERSION}")));
                assert!(is_known, "{page} names the version in {word}, which codegen does not write");
            }
        }
    }
}
