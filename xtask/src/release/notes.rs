//! The release notes: what CHANGELOG.md says of a version.

use anyhow::{Result, bail};

use crate::changelog;

/// What is new in a version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) text: String,
    /// Why this cannot be published yet, if it cannot.
    pub(super) unfinished: Option<String>,
}

impl Notes {
    /// The notes of `version`: its section, or, until it has one, what is not released yet.
    ///
    /// # Errors
    /// Where neither has a change.
    pub(super) fn of(version: &str, changelog: &str) -> Result<Self> {
        let sections = changelog::sections(changelog);
        let with_changes = |wanted: Option<&str>| {
            sections.iter().find(|section| section.version == wanted && !section.changes().is_empty())
        };
        let (released, unreleased) = (with_changes(Some(version)), with_changes(None));
        let unfinished = match (released, unreleased) {
            (None, None) => bail!("CHANGELOG.md tells no change of {version}, nor one that is unreleased"),
            (None, Some(_)) => Some(format!(
                "CHANGELOG.md has no changes of {version} yet: rename `## [Unreleased]` to `## [{version}] - DATE`"
            )),
            (Some(_), Some(_)) => Some(format!(
                "CHANGELOG.md has changes that are unreleased: move them to {version}, which is made of the same commit"
            )),
            (Some(section), None) if section.date.is_none() => {
                Some(format!("CHANGELOG.md does not say when {version} is released: `## [{version}] - YYYY-MM-DD`"))
            }
            (Some(_), None) => None,
        };
        let body = released.or(unreleased).map(|section| section.text).unwrap_or_default();
        Ok(Self { text: format!("# beam-operator {version}\n\n{body}\n"), unfinished })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNRELEASED: &str = "## [Unreleased]\n\n### Added\n\n- New.\n\n";

    fn of(sections: &str) -> Notes {
        Notes::of("9.2.0", &format!("# Changelog\n\n{sections}")).unwrap()
    }

    #[test]
    fn a_section_with_a_date_is_what_is_published() {
        let notes = of("## [Unreleased]\n\n## [9.2.0] - 2026-05-04\n\n### Fixed\n\n- It.\n\n## [9.1.0]\n\n- Old.\n");
        assert_eq!(notes, Notes { text: "# beam-operator 9.2.0\n\n### Fixed\n\n- It.\n".to_owned(), unfinished: None });
    }

    #[test]
    fn what_is_unreleased_can_be_looked_at_but_not_published() {
        let notes = of(UNRELEASED);
        assert_eq!(notes.text, "# beam-operator 9.2.0\n\n### Added\n\n- New.\n");
        assert!(notes.unfinished.unwrap().contains("## [9.2.0] - DATE"));
    }

    #[test]
    fn nothing_is_published_beside_what_is_unreleased_or_without_a_date() {
        let dated = "## [9.2.0] - 2026-05-04\n\n### Fixed\n\n- It.\n";
        assert!(of(&format!("{UNRELEASED}{dated}")).unfinished.unwrap().contains("unreleased"));
        for no_date in ["", " - soon", " - 2026-13-01"] {
            let section = dated.replace(" - 2026-05-04", no_date);
            assert!(of(&section).unfinished.unwrap().contains("when"), "{section}");
        }
    }

    #[test]
    fn a_version_without_a_change_is_refused() {
        for empty in ["", "## [Unreleased]\n\n", "## [9.2.0] - 2026-05-04\n\n### Added\n", "## [9.1.0]\n\n- Old.\n"] {
            assert!(Notes::of("9.2.0", &format!("# Changelog\n\n{empty}")).is_err(), "{empty}");
        }
    }
}
