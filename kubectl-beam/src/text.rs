//! Tables, ages, and what may be printed.

use std::fmt::Write as _;
use std::io::Write as _;

use beam_operator::api::GROUP;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use tabwriter::TabWriter;

/// What stands where there is nothing, as in kubectl's tables.
pub const NONE: &str = "<none>";

/// Rows of cells under each other, three spaces apart, as kubectl writes them: its tables are made by the original, in Go, of
/// what makes them here.
pub fn table(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| cells.iter().map(|cell| flat(cell)).collect::<Vec<_>>().join("\t") + "\n";
    let lines = rows.into_iter().map(line).collect::<String>();
    let mut writer = TabWriter::new(Vec::new()).padding(3);
    let written = writer.write_all(lines.as_bytes()).is_ok();
    let aligned = writer.into_inner().ok().filter(|_| written).and_then(|bytes| String::from_utf8(bytes).ok());
    // Writing to memory does not fail; what is not aligned can still be read.
    aligned.unwrap_or(lines).lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The first row of a table.
pub fn heading(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// A heading with something below it; nothing if that is empty.
pub fn section(heading: &str, body: &str) -> String {
    if body.is_empty() { String::new() } else { format!("\n{heading}:\n{}", indented(body)) }
}

/// The text with each line two spaces further to the right.
pub fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut all, line| {
        // Writing to a String cannot fail.
        let _ = writeln!(all, "{}", format!("  {line}").trim_end());
        all
    })
}

/// The text in one line, for a cell.
fn flat(text: &str) -> String {
    text.split(['\n', '\t']).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The text without what a terminal would take for a command: messages may hold what a container has logged.
pub fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() && it != '\n' { '\u{fffd}' } else { it }).collect()
}

/// The key of an annotation or condition without the group that all of ours have.
pub fn short(key: &str) -> &str {
    key.strip_prefix(GROUP).and_then(|key| key.strip_prefix('/')).unwrap_or(key)
}

/// How long ago that was, in the units that kubectl would choose.
pub fn age(since: Option<&Time>, now: Timestamp) -> String {
    let Some(Time(since)) = since else { return "<unknown>".to_owned() };
    let seconds = now.duration_since(*since).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let both = |large: i64, unit: char, small: i64, smaller: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{smaller}"),
    };
    match seconds {
        ..120 => format!("{seconds}s"),
        120..600 => both(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => both(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => both(days, 'd', hours % 24, 'h'),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(-5, "0s")]
    #[case(119, "119s")]
    #[case(120, "2m")]
    #[case(125, "2m5s")]
    #[case(600, "10m")]
    #[case(10_799, "179m")]
    #[case(10_800, "3h")]
    #[case(11_100, "3h5m")]
    #[case(86_400, "24h")]
    #[case(180_000, "2d2h")]
    #[case(864_000, "10d")]
    fn ages_are_those_of_kubectl(#[case] seconds: i64, #[case] expect: &str) {
        let (since, now) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(seconds).unwrap());
        assert_eq!(age(Some(&Time(since)), now), expect);
    }

    #[test]
    fn nobody_knows_since_when() {
        assert_eq!(age(None, Timestamp::UNIX_EPOCH), "<unknown>");
    }

    #[test]
    fn cells_stand_under_each_other_whatever_they_hold() {
        let rows = [["NAME", "SAYS"], ["shop", "a\n\tb"], ["a-long-name", ""], ["käse", "c"]];
        let table = table(rows.map(|row| row.map(ToOwned::to_owned).to_vec()));
        assert_eq!(table, "NAME          SAYS\nshop          a b\na-long-name\nkäse          c\n");
    }

    #[test]
    fn a_log_commands_no_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nc"), "a\u{fffd}[2Jb\u{fffd}\nc");
    }

    #[test]
    fn keys_of_others_keep_their_group() {
        assert_eq!((short("beam-operator.io/undo"), short("example.com/undo")), ("undo", "example.com/undo"));
    }
}
