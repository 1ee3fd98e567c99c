//! Amounts as the API server spells them.
//!
//! It writes a decimal amount as a whole number with the largest suffix that allows one (`0.5` as `500m`), and a binary
//! one likewise (`1024Mi` as `1Gi`) unless it is below 1024 or no whole number of bytes.
//! `kube_quantity`, which reads amounts to compare them, prints one in the unit that it was given in.
//! Source: `CanonicalizeBytes` in <https://pkg.go.dev/k8s.io/apimachinery/pkg/api/resource#Quantity>.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube_quantity::ParsedQuantity;

/// Suffixes of powers of 1000, from 10⁻⁹ on.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/// Suffixes of powers of 1024, from 1024⁰ on.
const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Amounts are counted in billionths.
const ONE: i128 = 1_000_000_000;

/// The amount as the API server stores it; `None` for what this does not cover (exponents, fractions of a billionth) or
/// is no amount.
pub(super) fn canonical(text: &str) -> Option<String> {
    let number = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(number);
    if let Some(power) = BINARY.iter().skip(1).position(|binary| *binary == suffix) {
        let unit = 1024_i128.pow(u32::try_from(power + 1).ok()?);
        let billionths = parsed(number, unit.checked_mul(ONE)?)?;
        let (bytes, rest) = (billionths / ONE, billionths % ONE);
        let is_small = billionths.abs() < 1024 * ONE;
        return Some(if is_small || rest != 0 {
            written(billionths, 1000, &DECIMAL)
        } else {
            written(bytes, 1024, &BINARY)
        });
    }
    let power = DECIMAL.iter().position(|decimal| *decimal == suffix)?;
    let unit = 1000_i128.checked_pow(u32::try_from(power).ok()?)?;
    Some(written(parsed(number, unit)?, 1000, &DECIMAL))
}

/// An amount of memory in bytes; `None` for what is no amount.
#[must_use]
pub fn bytes(amount: &Quantity) -> Option<u64> {
    ParsedQuantity::try_from(amount).ok()?.to_bytes_u64()
}

/// A decimal number of units, in whole parts of a unit.
fn parsed(number: &str, unit: i128) -> Option<i128> {
    let (sign, digits) = match number.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = [whole, fraction].concat();
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let scaled = all.parse::<i128>().ok()?.checked_mul(unit)?;
    (scaled % scale == 0).then_some(sign * scaled / scale)
}

fn written(mut number: i128, base: i128, suffixes: &[&str]) -> String {
    if number == 0 {
        return "0".to_owned();
    }
    let mut suffix = 0;
    while number % base == 0 && suffix + 1 < suffixes.len() {
        number /= base;
        suffix += 1;
    }
    format!("{number}{}", suffixes[suffix])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0.5", "500m")]
    #[case(".5", "500m")]
    #[case("1.", "1")]
    #[case("1", "1")]
    #[case("+2", "2")]
    #[case("-1.5", "-1500m")]
    #[case("0", "0")]
    #[case("0Gi", "0")]
    #[case("500m", "500m")]
    #[case("1000m", "1")]
    #[case("1000", "1k")]
    #[case("1500k", "1500k")]
    #[case("2000M", "2G")]
    #[case("100n", "100n")]
    #[case("1024", "1024")]
    #[case("512Mi", "512Mi")]
    #[case("1024Mi", "1Gi")]
    #[case("1.5Gi", "1536Mi")]
    #[case("0.5Ki", "512")]
    #[case("1Ki", "1Ki")]
    #[case("1000Ki", "1000Ki")]
    #[case("2048Ei", "2048Ei")]
    fn an_amount_is_spelled_as_it_is_stored(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(canonical(text).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("512Mi", Some(536_870_912))]
    #[case("1G", Some(1_000_000_000))]
    #[case("much", None)]
    fn memory_in_bytes(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(bytes(&Quantity(text.to_owned())), expected);
    }

    #[rstest]
    #[case("")]
    #[case("many")]
    #[case("1.2.3")]
    #[case("1e3")]
    #[case("0.0000000001")]
    #[case("99999999999999999999999999999999999999999")]
    fn what_is_not_covered_stays_as_it_is(#[case] text: &str) {
        assert_eq!(canonical(text), None);
    }
}
