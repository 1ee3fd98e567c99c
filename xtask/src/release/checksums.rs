//! `SHA256SUMS`, in the form that `sha256sum --check` reads.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

pub(super) const FILE: &str = "SHA256SUMS";

/// The SHA-256 sum of a content, in hexadecimal digits.
pub(super) fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A line for every file right in a directory, sorted by name.
pub(super) fn of(directory: &Path) -> Result<String> {
    let mut sums = String::new();
    for name in super::files(directory)?.iter().filter(|name| *name != FILE) {
        let content = fs::read(directory.join(name)).with_context(|| format!("failed to read {name}"))?;
        writeln!(sums, "{}  {name}", sha256(&content))?;
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_nothing_is_the_known_one() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn every_file_but_the_sums_themselves_has_a_line() {
        let directory = std::env::temp_dir().join(format!("beam-operator-sums-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for (name, content) in [("b", ""), ("a", ""), (FILE, "old")] {
            fs::write(directory.join(name), content).unwrap();
        }
        let sums = of(&directory).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        let empty = sha256(b"");
        assert_eq!(sums, format!("{empty}  a\n{empty}  b\n"));
    }
}
