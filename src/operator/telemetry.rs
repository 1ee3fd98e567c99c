//! Logs, as text for a person or as JSON for a log store.
//!
//! Every line names the resource it is about, because the lines of 16 concurrent reconciles are interleaved and a reader
//! starts from one release. The name is not passed to each log call: it is in the span that [`reconcile_span`] makes, and
//! both formats print the fields of the surrounding spans. They also filter: `--log-level 'info,[reconcile{release="shop"}]=debug'`
//! tells all about one release.
//!
//! ```
//! use beam_operator::operator::telemetry::reconcile_span;
//! use tracing::Instrument;
//!
//! async fn reconcile(namespace: &str, name: &str) {
//!     tracing::info!(revision = 7, "rolled out");
//! }
//!
//! let work = reconcile("store", "shop").instrument(reconcile_span("store", "shop"));
//! // text: 2026-01-01T00:00:00Z  INFO reconcile{namespace="store" release="shop"}: shop::x: rolled out revision=7
//! // json: {"timestamp":"…","level":"INFO","namespace":"store","release":"shop","message":"rolled out","revision":7,"target":"…"}
//! ```

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use tracing::Span;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line for a person to read.
    Text,
    /// One JSON object a line.
    Json,
}

/// Which log lines are written, in the syntax of [`EnvFilter`]: known to parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl FromStr for LogFilter {
    type Err = ParseError;

    fn from_str(directives: &str) -> Result<Self, ParseError> {
        parse(directives).map(|_| Self(directives.to_owned()))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Starts to write logs to standard error; text is coloured when that is a terminal.
///
/// # Errors
/// When the process already writes logs.
pub fn init(format: LogFormat, filter: &LogFilter) -> Result<(), TryInitError> {
    let filter = parse(&filter.0).unwrap_or_default();
    Registry::default().with(filter).with(layer(format, std::io::stderr)).try_init()
}

/// The span of one reconcile: puts the release on every line that is logged within.
#[must_use]
pub fn reconcile_span(namespace: &str, name: &str) -> Span {
    // Not `name`: in JSON that is the name of the span.
    tracing::error_span!("reconcile", namespace, release = name)
}

/// Values of span fields are compared as text: a regular expression would cost memory that nobody uses.
fn parse(directives: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().with_regex(false).parse(directives)
}

fn layer<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a> + Send + Sync,
    W: for<'a> tracing_subscriber::fmt::MakeWriter<'a> + Clone + Send + Sync + 'static,
{
    match format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(writer).boxed()
        }
        LogFormat::Json => json_subscriber::layer()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .flatten_span_list_on_top_level(true)
            .with_writer(writer)
            .boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn log_of(format: LogFormat, filter: &str) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = Registry::default().with(parse(filter).unwrap()).with(layer(format, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let _release = reconcile_span("store", "shop").entered();
            let _step = tracing::info_span!("apply", kind = "Deployment").entered();
            tracing::info!(revision = 7, "rolled out");
            tracing::debug!("detail");
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_names_the_resource() {
        let log = log_of(LogFormat::Text, "info");
        assert!(log.contains(r#"reconcile{namespace="store" release="shop"}:apply{kind="Deployment"}"#), "{log}");
        assert!(log.contains("rolled out revision=7"), "{log}");
        assert!(!log.contains("detail"), "{log}");
    }

    #[test]
    fn json_has_the_resource_at_the_top() {
        let log = log_of(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!(line["namespace"], "store", "{log}");
        assert_eq!(line["release"], "shop");
        assert_eq!(line["kind"], "Deployment");
        assert_eq!(line["message"], "rolled out");
        assert_eq!(line["revision"], 7);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn the_resource_stays_when_only_errors_are_logged() {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber =
            Registry::default().with(parse("error").unwrap()).with(layer(LogFormat::Json, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            reconcile_span("store", "shop").in_scope(|| tracing::error!("failed"));
        });
        let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains(r#""release":"shop""#), "{log}");
    }

    #[test]
    fn one_release_can_be_traced() {
        let log = log_of(LogFormat::Text, r#"warn,[reconcile{release="shop"}]=debug"#);
        assert!(log.contains("detail"), "{log}");
        assert_eq!(log_of(LogFormat::Text, r#"warn,[reconcile{release="blog"}]=debug"#), "");
    }
}
