//! The kubelet's `$(VAR)`, as `k8s.io/kubernetes/third_party/forked/golang/expansion` reads it.
//!
//! `$(NAME)` is replaced where an earlier entry of `env`, any key of `envFrom` or a variable of the `kubernetes` Service
//! has that name, and stays as it is otherwise. `$$` is a `$` that starts nothing.

/// The names that a value refers to, in order.
pub(super) fn variables(value: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = value;
    while let Some((_, behind)) = rest.split_once('$') {
        rest = behind;
        if let Some(behind) = rest.strip_prefix('(') {
            rest = behind;
            if let Some((name, behind)) = rest.split_once(')') {
                names.push(name);
                rest = behind;
            }
        } else {
            // The character behind a `$` is skipped, whatever it is.
            let mut characters = rest.chars();
            characters.next();
            rest = characters.as_str();
        }
    }
    names
}

/// A reference to a variable.
pub(super) fn reference(variable: &str) -> String {
    format!("$({variable})")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Cases of the kubelet's own test table, `expand_test.go`.
    #[rstest]
    #[case("$(VAR_A)", &["VAR_A"])]
    #[case("___$(VAR_B)___", &["VAR_B"])]
    #[case("$(VAR_A)-$(VAR_B)", &["VAR_A", "VAR_B"])]
    #[case("f000-$$VAR_A", &[])]
    #[case("foo\\$(VAR_C)bar", &["VAR_C"])]
    #[case("foo$$(VAR_A)bar", &[])]
    #[case("$$$(VAR_B)", &["VAR_B"])]
    #[case("$$$$$$$(VAR_B)", &["VAR_B"])]
    #[case("$VAR_A)", &[])]
    #[case("${VAR_A}", &[])]
    #[case("$(VAR_A", &[])]
    #[case("foo$(", &[])]
    #[case("$", &[])]
    #[case("$$", &[])]
    #[case("$(VAR_A", &[])]
    #[case("$((VAR_A)", &["(VAR_A"])]
    #[case("$$(VAR_A)$(VAR_B)", &["VAR_B"])]
    #[case("$é$(A)", &["A"])]
    #[case("$($(A)", &["$(A"])]
    #[case("$()", &[""])]
    fn reads_as_the_kubelet_does(#[case] value: &str, #[case] expected: &[&str]) {
        assert_eq!(variables(value), expected);
    }
}
