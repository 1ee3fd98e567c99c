//! The ElixirReleases of `examples/`, for the fields that they use and as templates.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize as _;
use serde_json::Value;

/// A file of `examples/`.
pub(super) struct Example {
    /// Its name without the ending.
    file: String,
    documents: Vec<Value>,
}

/// What is shown first.
const SHORTEST: &str = "minimal";

/// The examples, the shortest one first: consoles offer the first as a template.
pub(super) fn read(root: &Path) -> Result<Vec<Example>> {
    let directory = root.join("examples");
    let entries = fs::read_dir(&directory).with_context(|| format!("failed to list {}", directory.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort_by_key(|file| (file.file_stem().is_none_or(|stem| stem != SHORTEST), file.clone()));
    ensure!(!files.is_empty(), "there is no example");
    let stem = |file: &Path| file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files.iter().map(|file| Example::parse(stem(file), &fs::read_to_string(file)?)).collect()
}

impl Example {
    pub(super) fn parse(file: String, text: &str) -> Result<Self> {
        let documents = serde_yaml::Deserializer::from_str(text).map(|it| Ok(Value::deserialize(it)?));
        Ok(Self { file, documents: documents.collect::<Result<_>>()? })
    }

    /// The ElixirReleases in it.
    pub(super) fn releases(&self) -> impl Iterator<Item = &Value> {
        self.documents.iter().filter(|document| document["kind"] == "ElixirRelease")
    }

    /// The ElixirRelease, if it is all that the example takes: a console creates one object, on a cluster to which nobody
    /// has loaded the image of the sample application.
    fn alone(&self) -> Option<&Value> {
        let is_local =
            |release: &&Value| release["spec"]["image"].as_str().is_some_and(|it| it.starts_with("localhost/"));
        self.releases().next().filter(|release| self.documents.len() == 1 && !is_local(release))
    }

    /// The same, called like the file, too: all templates may be applied to one namespace.
    pub(super) fn template(&self) -> Option<Value> {
        let mut release = self.alone()?.clone();
        let name = release["metadata"]["name"].as_str()?;
        if self.file != SHORTEST {
            release["metadata"]["name"] = format!("{name}-{}", self.file).into();
        }
        Some(release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_one_object_that_any_cluster_takes() {
        let parse = |text: &str| Example::parse("tls".to_owned(), text).unwrap();
        let release = "kind: ElixirRelease\nmetadata: {name: a}\nspec: {image: 'b:1'}\n";
        assert_eq!(parse(release).template().unwrap()["metadata"]["name"], "a-tls");
        let shortest = Example::parse(SHORTEST.to_owned(), release).unwrap();
        assert_eq!(shortest.template().as_ref(), shortest.releases().next());
        let two = parse(&format!("{release}---\nkind: Secret\n"));
        assert_eq!((two.template(), two.releases().count()), (None, 1));
        assert_eq!(parse("kind: Secret\n").template(), None);
        assert_eq!(parse(&release.replace("b:1", "localhost/b:1")).template(), None);
    }
}
