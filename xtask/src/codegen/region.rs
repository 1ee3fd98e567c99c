//! The part of a file that is generated, between two lines that say so; the rest is written by people.

use anyhow::{Context, Result};

/// The text with what lies between the lines `begin` and `end` replaced.
pub(super) fn replace(text: &str, begin: &str, end: &str, body: &str) -> Result<String> {
    let (before, rest) = text.split_once(begin).with_context(|| format!("there is no line {begin}"))?;
    let (_, after) = rest.split_once(end).with_context(|| format!("there is no line {end}"))?;
    Ok(format!("{before}{begin}{body}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_lines_is_replaced() {
        assert_eq!(replace("before\n<\nold\n>\nafter\n", "<\n", ">\n", "new\n").unwrap(), "before\n<\nnew\n>\nafter\n");
        assert!(replace("no lines", "<\n", ">\n", "").is_err());
    }
}
