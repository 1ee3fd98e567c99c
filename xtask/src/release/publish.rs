//! What keeps a version from being published, and what publishes it. Nothing here does: it is left to a person.

use super::addresses::Addresses;

/// What a release that is not a dry run depends on.
pub(super) struct Facts<'a> {
    pub(super) tag: &'a str,
    pub(super) tag_exists: bool,
    /// What differs from the last commit.
    pub(super) changes: &'a str,
    /// What the changelog lacks.
    pub(super) unfinished: Option<&'a str>,
    pub(super) repository: Option<&'a str>,
    pub(super) downloads: Option<&'a str>,
}

impl Facts<'_> {
    /// Every reason why this checkout cannot be released as it is.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !self.changes.is_empty() {
            let changes: Vec<_> = self.changes.lines().map(|line| format!("\n    {line}")).collect();
            problems.push(format!("the checkout differs from its last commit: commit or undo{}", changes.concat()));
        }
        problems.extend(self.unfinished.map(ToOwned::to_owned));
        if self.tag_exists {
            problems.push(format!("there is a tag {} already: raise `version` in Cargo.toml", self.tag));
        }
        if self.repository.is_none() {
            problems.push("it has to be told where the images will be: --repository REGISTRY/NAME".to_owned());
        }
        if self.downloads.is_none() {
            problems.push("it has to be told where the files will be: --downloads URL".to_owned());
        }
        problems
    }
}

/// The commands that publish what is in a directory, and what no command can be told for.
pub(super) fn instructions(directory: &str, version: &str, addresses: &Addresses) -> String {
    let tag = format!("v{version}");
    let (image, bundle) = (addresses.image(version), addresses.bundle_image(version));
    format!(
        "\
Nothing is published yet. To do it:
  git push origin {tag}
  skopeo copy --all oci-archive:{directory}/beam-operator_{version}.oci.tar docker://{image}
  skopeo copy oci-archive:{directory}/beam-operator-bundle_{version}.oci.tar docker://{bundle}
and put the files of {directory} where {} leads to.",
        addresses.directory(version)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Facts<'static> = Facts {
        tag: "v9.2.0",
        tag_exists: false,
        changes: "",
        unfinished: None,
        repository: Some("registry.example.com/beam-operator"),
        downloads: Some("https://downloads.example.com"),
    };

    #[test]
    fn a_clean_and_dated_checkout_with_addresses_can_be_released() {
        assert_eq!(READY.problems(), Vec::<String>::new());
    }

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let facts = Facts {
            tag_exists: true,
            changes: " M src/main.rs",
            unfinished: Some("no date"),
            repository: None,
            downloads: None,
            ..READY
        };
        let problems = facts.problems();
        for (problem, word) in problems.iter().zip(["src/main.rs", "no date", "v9.2.0", "--repository", "--downloads"])
        {
            assert!(problem.contains(word), "{word} is not in {problem}");
        }
        assert_eq!(problems.len(), 5);
    }

    #[test]
    fn the_instructions_name_tag_images_and_address() {
        let addresses = Addresses::new(READY.repository, READY.downloads).unwrap();
        let text = instructions("out", "9.2.0", &addresses);
        for word in [
            "git push origin v9.2.0\n",
            "oci-archive:out/beam-operator_9.2.0.oci.tar docker://registry.example.com/beam-operator:9.2.0\n",
            "docker://registry.example.com/beam-operator-bundle:9.2.0\n",
            "https://downloads.example.com/v9.2.0",
        ] {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }
}
