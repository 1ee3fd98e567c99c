//! What Kubernetes takes as a name, a key or a value.
//!
//! Sources: <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/> and
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.

/// The longest name of most objects.
const LONGEST_NAME: usize = 253;
/// The longest label, and the longest name in the key of a label or an annotation.
const LONGEST_LABEL: usize = 63;

/// Whether this is a DNS label, of any length.
#[must_use]
pub fn is_dns_label(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.chars().all(is_inner) && !name.starts_with('-') && !name.ends_with('-')
}

/// Whether this is a DNS subdomain, as most objects are named by.
#[must_use]
pub fn is_object_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && name.split('.').all(is_dns_label)
}

/// Whether a label or an annotation can have this key: an optional DNS prefix and a slash, then a name.
#[must_use]
pub fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_object_name(prefix) && is_plain(name),
        None => is_plain(key),
    }
}

/// Whether a label can have this value.
#[must_use]
pub fn is_label_value(value: &str) -> bool {
    value.is_empty() || is_plain(value)
}

fn is_plain(text: &str) -> bool {
    let is_end = |c: char| c.is_ascii_alphanumeric();
    (1..=LONGEST_LABEL).contains(&text.len())
        && text.chars().all(|c| is_end(c) || "-_.".contains(c))
        && text.starts_with(is_end)
        && text.ends_with(is_end)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop", true)]
    #[case("shop-2", true)]
    #[case("2", true)]
    #[case("", false)]
    #[case("-shop", false)]
    #[case("shop-", false)]
    #[case("Shop", false)]
    #[case("a.b", false)]
    fn dns_labels(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_dns_label(name), expected);
    }

    #[rstest]
    #[case("a.b", true)]
    #[case("a..b", false)]
    #[case("a b", false)]
    #[case(&"a".repeat(253), true)]
    #[case(&"a".repeat(254), false)]
    fn object_names(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_object_name(name), expected);
    }

    #[rstest]
    #[case("app", true)]
    #[case("example.com/App_1.x", true)]
    #[case("team!", false)]
    #[case("example.com/", false)]
    #[case("Example.com/app", false)]
    #[case("a/b/c", false)]
    #[case(&"a".repeat(63), true)]
    #[case(&"a".repeat(64), false)]
    fn label_keys(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_label_key(key), expected);
    }

    #[rstest]
    #[case("", true)]
    #[case("A_1.x", true)]
    #[case("a b", false)]
    #[case(".a", false)]
    fn label_values(#[case] value: &str, #[case] expected: bool) {
        assert_eq!(is_label_value(value), expected);
    }
}
