//! The ElixirReleases of `examples/`, for the fields that they use and as templates.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize as _;
use serde_json::Value;

/// A file of `examples/`.
pub(super) struct Example {
    documents: Vec<Value>,
}

/// The examples, the shortest one first: consoles offer the first as a template.
pub(super) fn read(root: &Path) -> Result<Vec<Example>> {
    let directory = root.join("examples");
    let entries = fs::read_dir(&directory).with_context(|| format!("failed to list {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort_by_key(|file| (!file.ends_with("minimal.yaml"), file.clone()));
    ensure!(!files.is_empty(), "there is no example");
    files.iter().map(|file| Example::parse(&fs::read_to_string(file)?)).collect()
}

impl Example {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let documents = serde_yaml::Deserializer::from_str(text).map(|it| Ok(Value::deserialize(it)?));
        Ok(Self { documents: documents.collect::<Result<_>>()? })
    }

    /// The ElixirReleases in it.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Value> {
        self.documents.iter().filter(|document| document["kind"] == "ElixirRelease")
    }

    /// The ElixirRelease, if it is all that the example takes. A console creates one object.
    pub(super) fn alone(&self) -> Option<&Value> {
        self.releases().next().filter(|_| self.documents.len() == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_with_other_objects_is_no_template() {
        let release = "kind: ElixirRelease\nmetadata: {name: a}\n";
        assert!(Example::parse(release).unwrap().alone().is_some());
        let two = Example::parse(&format!("{release}---\nkind: Secret\n")).unwrap();
        assert!(two.alone().is_none());
        assert_eq!(two.releases().count(), 1);
        assert!(Example::parse("kind: Secret\n").unwrap().alone().is_none());
    }
}
