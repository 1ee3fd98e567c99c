//! The alerts and the dashboard of `deploy/monitoring` speak of what the operator tells.
//!
//! Each of their expressions is parsed, and each selector in it has to select one of the samples that a process prints that
//! has been through everything: a metric that was renamed, a label that it lacks and a value that it never has are found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use promql_parser::parser::{self, Expr, LabelModifier, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use super::{Answer, ErrorCategory, Metrics, NodeSample, ReconcileResult};
use crate::observer::{FailureKind, Vitals};
use crate::operator::client::ApiCall;

/// Labels that Prometheus adds to what it scrapes.
const OF_THE_TARGET: [&str; 3] = ["instance", "job", "pod"];

/// A printed sample: its labels, and its name as the label `__name__`.
type Sample = BTreeMap<String, String>;

/// What a process prints that has been through everything that the expressions ask for.
fn samples() -> Vec<Sample> {
    let metrics = Metrics::default();
    for result in [
        ReconcileResult::Changed,
        ReconcileResult::Unchanged,
        ReconcileResult::Paused,
        ReconcileResult::Invalid,
        ReconcileResult::Failed,
    ] {
        metrics.reconciles.start().finish(result);
    }
    metrics.reconciles.error(ErrorCategory::Forbidden);
    for (method, status) in
        [("GET", StatusCode::OK), ("GET", StatusCode::FORBIDDEN), ("DELETE", StatusCode::UNAUTHORIZED)]
    {
        let request = Request::builder().method(method).uri("/api/v1/namespaces/store/pods/a").body(()).unwrap();
        metrics.requests.record(&ApiCall::of(&request), Answer::Status(status), Duration::ZERO);
    }
    for kind in ["release", "child", "reference"] {
        metrics.set_cached_objects(kind, 1);
    }
    metrics.watch_restarted("Deployment");
    metrics.watch_failed("Deployment");
    metrics.event("written");
    metrics.observer.looked(None);
    metrics.observer.looked(Some(FailureKind::Unreachable));
    metrics.observer.connected(true);
    let vitals = Some(Vitals { memory: 1, run_queue: 1, schedulers: 1, processes: 1, longest_queue: Some(1) });
    let (namespace, release, pod): (Arc<str>, Arc<str>, Arc<str>) = ("store".into(), "shop".into(), "shop-0".into());
    metrics.add_nodes(move || {
        let (namespace, release, pod) = (namespace.clone(), release.clone(), pod.clone());
        vec![NodeSample { namespace, release, pod, vitals }]
    });
    metrics.encode().unwrap().lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn sample(line: &str) -> Sample {
    let (series, _) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let pairs = labels.trim_end_matches('}').split(',').filter_map(|pair| pair.split_once('='));
    let labels = pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()));
    labels.chain([("__name__".to_owned(), name.to_owned())]).collect()
}

/// What is wrong with an expression.
struct Reader<'a> {
    samples: &'a [Sample],
    /// The labels of what was selected.
    labels: BTreeSet<String>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn select(&mut self, selector: &VectorSelector) {
        let name = selector.name.clone().unwrap_or_default();
        let matchers = &selector.matchers.matchers;
        let selected = |sample: &&Sample| {
            let has = |key: &str, is_good: &dyn Fn(&str) -> bool| sample.get(key).is_some_and(|it| is_good(it));
            has("__name__", &|it| it == name) && matchers.iter().all(|it| has(&it.name, &|value| it.is_match(value)))
        };
        let found: Vec<_> = self.samples.iter().filter(selected).collect();
        if found.is_empty() {
            self.problems.push(format!("nothing is selected by {selector}"));
        }
        self.labels.extend(found.iter().flat_map(|sample| sample.keys().cloned()));
    }

    fn need(&mut self, modifier: Option<&LabelModifier>) {
        for label in modifier.iter().flat_map(|modifier| &modifier.labels().labels) {
            if !self.labels.contains(label) && !OF_THE_TARGET.contains(&label.as_str()) {
                self.problems.push(format!("nothing that is selected has a label {label}"));
            }
        }
    }
}

impl ExprVisitor for Reader<'_> {
    type Error = ();

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::VectorSelector(selector) => self.select(selector),
            Expr::MatrixSelector(matrix) => self.select(&matrix.vs),
            _ => {}
        }
        Ok(true)
    }

    fn post_visit(&mut self, expression: &Expr) -> Result<bool, ()> {
        match expression {
            Expr::Aggregate(aggregate) => self.need(aggregate.modifier.as_ref()),
            Expr::Binary(binary) => self.need(binary.modifier.as_ref().and_then(|it| it.matching.as_ref())),
            _ => {}
        }
        Ok(true)
    }
}

/// What is wrong with an expression and with the labels that a text about it names.
fn problems(samples: &[Sample], expression: &str, named: &[String]) -> Vec<String> {
    let parsed = match parser::parse(expression) {
        Ok(parsed) => parsed,
        Err(error) => return vec![format!("{expression}: {error}")],
    };
    let mut reader = Reader { samples, labels: BTreeSet::new(), problems: Vec::new() };
    walk_expr(&mut reader, &parsed).unwrap();
    for label in named {
        if !reader.labels.contains(label) && !OF_THE_TARGET.contains(&label.as_str()) {
            reader.problems.push(format!("nothing that is selected has a label {label}, which is shown"));
        }
    }
    reader.problems.into_iter().map(|problem| format!("{expression}: {problem}")).collect()
}

/// The words between two marks, wherever they stand in a text.
fn between(text: &str, begin: &str, end: &str) -> Vec<String> {
    let found = text.split(begin).skip(1).filter_map(|rest| rest.split_once(end));
    found.map(|(word, _)| word.trim().to_owned()).collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn rules() -> Vec<Value> {
    let rules: Value = serde_yaml::from_str(&text("deploy/monitoring/rules.yaml")).unwrap();
    let groups = rules["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

#[test]
fn alerts_ask_for_what_there_is() {
    let (samples, rules) = (samples(), rules());
    assert!(rules.len() > 5);
    for rule in rules {
        let shown = between(&rule["annotations"].to_string(), "$labels.", " ");
        assert_eq!(problems(&samples, rule["expr"].as_str().unwrap(), &shown), [""; 0], "{}", rule["alert"]);
    }
}

#[test]
fn panels_ask_for_what_there_is() {
    let samples = samples();
    let dashboard: Value = serde_json::from_str(&text("deploy/monitoring/dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets: Vec<_> = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten().collect();
    assert!(targets.len() > 20);
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let expand = |expression: &str| {
        let expression = expression.replace("$__rate_interval", "5m");
        variables
            .iter()
            .fold(expression, |it, variable| it.replace(&format!("${}", variable["name"].as_str().unwrap()), ".*"))
    };
    for target in targets {
        let shown = between(target["legendFormat"].as_str().unwrap(), "{{", "}}");
        let expression = expand(target["expr"].as_str().unwrap());
        assert_eq!(problems(&samples, &expression, &shown), [""; 0]);
    }
    // What the variables may be is asked for in Grafana's own words around a selector.
    for variable in variables.iter().filter(|variable| variable["type"] == "query") {
        let query = variable["query"].as_str().unwrap();
        let inner = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')')).unwrap();
        let (selector, label) = inner.rsplit_once(',').unwrap();
        assert_eq!(problems(&samples, &expand(selector), &[label.trim().to_owned()]), [""; 0]);
    }
}

/// Somebody who is woken by an alert finds what it means and what to do.
#[test]
fn each_alert_says_what_is_wrong_and_has_a_section_of_the_page() {
    let page = text("docs/monitoring.md");
    for rule in rules() {
        let alert = rule["alert"].as_str().unwrap();
        for annotation in ["summary", "description"] {
            assert!(
                rule["annotations"][annotation].as_str().is_some_and(|it| it.len() > 20),
                "{annotation} of {alert}"
            );
        }
        assert!(["critical", "warning"].iter().any(|severity| rule["labels"]["severity"] == *severity), "{alert}");
        assert!(rule["for"].is_string(), "{alert} is told without a delay");
        assert!(page.contains(&format!("\n### {alert}\n")), "docs/monitoring.md has no section {alert}");
    }
}

#[test]
fn what_is_not_there_is_found() {
    let samples = samples();
    for (expression, expect) in [
        ("sum(beam_operator_reconcile_total)", "nothing is selected by"),
        (r#"beam_operator_reconciles_total{outcome="failed"}"#, "nothing is selected by"),
        (r#"beam_operator_reconciles_total{result="lost"}"#, "nothing is selected by"),
        (r#"beam_operator_reconciles_total{result!~".*"}"#, "nothing is selected by"),
        ("sum by (kind) (beam_operator_queue_depth)", "has a label kind"),
        ("beam_operator_leader and on (kind) beam_operator_queue_depth", "has a label kind"),
        ("sum(beam_operator_leader", "sum(beam_operator_leader: "),
    ] {
        let problems = problems(&samples, expression, &[]);
        assert!(problems.iter().any(|problem| problem.contains(expect)), "{expression}: {problems:?}");
    }
    assert_eq!(problems(&samples, "beam_operator_leader", &["kind".to_owned()]).len(), 1);
}
