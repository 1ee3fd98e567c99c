//! CHANGELOG.md, in the form of [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).

use jiff::civil::Date;

/// What stands under one `## ` heading.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    /// The version in the heading; none where it is `Unreleased`.
    pub(crate) version: Option<&'a str>,
    /// The day of the release, where the heading has one.
    pub(crate) date: Option<Date>,
    /// All below the heading.
    pub(crate) text: &'a str,
}

/// A change, and what kind of change it is: `Added`, `Fixed` and so on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) kind: &'a str,
    /// In one line.
    pub(crate) description: String,
}

/// The sections of a changelog, as they stand: the newest comes first.
pub(crate) fn sections(changelog: &str) -> Vec<Section<'_>> {
    changelog.split("\n## ").skip(1).map(Section::read).collect()
}

impl<'a> Section<'a> {
    fn read(section: &'a str) -> Self {
        let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
        let (name, date) = heading.split_once(" - ").unwrap_or((heading, ""));
        let name = name.trim().trim_start_matches('[').trim_end_matches(']');
        let version = (name != "Unreleased").then_some(name);
        Self { version, date: date.trim().parse().ok(), text: text.trim() }
    }

    /// The items of its lists.
    pub(crate) fn changes(&self) -> Vec<Change<'a>> {
        let (mut changes, mut kind) = (Vec::<Change<'a>>::new(), "");
        for line in self.text.lines() {
            if let Some(heading) = line.strip_prefix("### ") {
                kind = heading.trim();
            } else if let Some(item) = line.strip_prefix("- ") {
                changes.push(Change { kind, description: item.trim().to_owned() });
            } else if let Some(change) = changes.last_mut().filter(|_| line.starts_with(' ')) {
                change.description = format!("{} {}", change.description, line.trim());
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\nWhat changed.\n\n## [Unreleased]\n\n## [0.2.0] - 2026-05-04\n\n### Added\n\n\
         - One\n  thing.\n- Another.\n\n### Fixed\n\n- A third.\n\n## [0.1.9] - soon\n\n### Added\n\n- Old.\n";

    #[test]
    fn a_section_has_a_version_and_a_date_or_neither() {
        let sections = sections(CHANGELOG);
        let headings: Vec<_> = sections.iter().map(|it| (it.version, it.date.map(|date| date.to_string()))).collect();
        assert_eq!(headings, [(None, None), (Some("0.2.0"), Some("2026-05-04".to_owned())), (Some("0.1.9"), None)]);
    }

    #[test]
    fn changes_are_the_items_of_the_lists_in_one_line_each() {
        let change = |kind, description: &str| Change { kind, description: description.to_owned() };
        let sections = sections(CHANGELOG);
        assert_eq!(sections[0].changes(), []);
        assert_eq!(
            sections[1].changes(),
            [change("Added", "One thing."), change("Added", "Another."), change("Fixed", "A third.")]
        );
        assert_eq!(sections[2].changes(), [change("Added", "Old.")]);
    }
}
