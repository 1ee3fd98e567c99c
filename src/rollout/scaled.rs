//! Shares of a number of nodes.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// So many, or that percentage of all, rounded up or down as Kubernetes does it for surge and for what may be missing.
///
/// Source: <https://pkg.go.dev/k8s.io/apimachinery/pkg/util/intstr#GetScaledValueFromIntOrPercent>.
pub(super) fn scaled(share: &IntOrString, all: i32, rounds_up: bool) -> i32 {
    match share {
        IntOrString::Int(number) => *number,
        IntOrString::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or_default();
            let hundredths = percent.saturating_mul(all.into());
            let whole = if rounds_up { hundredths.saturating_add(99) / 100 } else { hundredths / 100 };
            i32::try_from(whole).unwrap_or(i32::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::number("2", 10, [2, 2])]
    #[case::a_quarter("'25%'", 10, [2, 3])]
    #[case::even("'50%'", 4, [2, 2])]
    #[case::all("'100%'", 7, [7, 7])]
    #[case::of_none("'25%'", 0, [0, 0])]
    #[case::more_than_all("'300%'", 3, [9, 9])]
    fn down_and_up(#[case] share: &str, #[case] all: i32, #[case] expected: [i32; 2]) {
        let share: IntOrString = serde_yaml::from_str(share).unwrap();
        assert_eq!([false, true].map(|rounds_up| scaled(&share, all, rounds_up)), expected);
    }
}
