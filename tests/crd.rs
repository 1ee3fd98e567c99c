//! The CustomResourceDefinition as people install it: small enough, structural, documented, and with rules that say what
//! to do.

use std::collections::BTreeSet;

use beam_operator::api;
use kube::core::cel::Validator;
use rstest::rstest;
use serde_json::{Value, json};

/// What the definition may have, in bytes. `kubectl apply` keeps the whole of it in an annotation and fails beyond 262,144.
const LIMIT: usize = 200_000;

fn definition() -> Value {
    serde_json::to_value(api::crd()).unwrap()
}

fn schema() -> Value {
    definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take()
}

/// Every schema in a schema, with its path.
fn schemas<'a>(schema: &'a Value, path: String, all: &mut Vec<(String, &'a Value)>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        schemas(property, format!("{path}.{name}"), all);
    }
    if schema["items"].is_object() {
        schemas(&schema["items"], format!("{path}[]"), all);
    }
    if schema["additionalProperties"].is_object() {
        schemas(&schema["additionalProperties"], format!("{path}{{}}"), all);
    }
    all.push((path, schema));
}

fn paths(wanted: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let root = schema();
    let mut all = Vec::new();
    schemas(&root, String::new(), &mut all);
    all.into_iter().filter(|(path, schema)| wanted(path, schema)).map(|(path, _)| path).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn plain_kubectl_apply_can_store_it() {
    let json = serde_json::to_string(&api::crd()).unwrap().len();
    let yaml = serde_yaml::to_string(&api::crd()).unwrap().len();
    assert!(json < LIMIT && yaml < LIMIT, "{json} bytes of JSON, {yaml} of YAML");
}

#[test]
fn a_null_is_never_kept() {
    assert_eq!(paths(|_, schema| schema["nullable"] == true), NONE);
    assert_eq!(paths(|_, schema| schema["enum"].as_array().is_some_and(|words| words.contains(&Value::Null))), NONE);
}

#[test]
fn every_field_is_documented_in_whole_lines() {
    let is_field = |path: &str| !path.ends_with("[]") && !path.ends_with("{}");
    assert_eq!(paths(|path, schema| is_field(path) && !schema["description"].is_string()), NONE);

    let breaks = |text: &str| text.replace("\n\n", "").contains('\n');
    assert_eq!(paths(|_, schema| schema["description"].as_str().is_some_and(breaks)), NONE);
}

/// <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>
#[test]
fn the_schema_is_structural() {
    let has_type = |schema: &Value| {
        schema["type"].is_string()
            || schema["x-kubernetes-int-or-string"] == true
            || schema["x-kubernetes-preserve-unknown-fields"] == true
    };
    assert_eq!(paths(|_, schema| !has_type(schema)), NONE);
    assert_eq!(paths(|_, schema| schema["type"] == "array" && !schema["items"].is_object()), NONE);

    let mixes = |schema: &Value| schema["properties"].is_object() && !schema["additionalProperties"].is_null();
    assert_eq!(paths(|_, schema| mixes(schema)), NONE);

    let foreign = ["$ref", "definitions", "allOf", "anyOf", "oneOf", "not", "patternProperties", "dependencies"];
    assert_eq!(paths(|_, schema| foreign.iter().any(|word| !schema[word].is_null())), NONE);
}

#[test]
fn three_lines_are_enough() {
    assert_eq!(schema()["properties"]["spec"]["required"], json!(["image"]));
}

#[test]
fn releases_can_be_selected() {
    let fields = definition()["spec"]["versions"][0]["selectableFields"].take();
    assert_eq!(fields, json!([{"jsonPath": ".spec.cluster.name"}, {"jsonPath": ".spec.image"}]));
}

#[rstest]
#[case("cluster/properties/ports/properties/extra", &["port", "protocol"])]
#[case("env", &["name"])]
#[case("imagePullSecrets", &["name"])]
#[case("ports", &["containerPort", "protocol"])]
#[case("service/properties/ports", &["port", "protocol"])]
#[case("volumeMounts", &["mountPath"])]
#[case("volumes", &["name"])]
fn lists_that_people_merge_have_keys(#[case] list: &str, #[case] keys: &[&str]) {
    let root = schema();
    let list = root.pointer(&format!("/properties/spec/properties/{list}")).unwrap();
    assert_eq!((&list["x-kubernetes-list-type"], &list["x-kubernetes-list-map-keys"]), (&json!("map"), &json!(keys)));
}

/// The parts of the spec that are types of Kubernetes, documented as there.
const FOREIGN: [&str; 8] = [
    ".spec.env[]",
    ".spec.envFrom[]",
    ".spec.resources.",
    ".spec.volumes[]",
    ".spec.volumeMounts[]",
    ".spec.probes.readiness.",
    ".spec.probes.liveness.",
    ".spec.probes.startup.",
];

#[test]
fn what_may_be_left_out_says_what_happens_then() {
    let root = schema();
    let mut all = Vec::new();
    schemas(&root, String::new(), &mut all);
    let of_spec = all.iter().filter(|(path, _)| path.starts_with(".spec"));
    let own = of_spec.filter(|(path, _)| !FOREIGN.iter().any(|foreign| format!("{path}.").starts_with(foreign)));
    let mut silent = Vec::new();
    for (path, schema) in own {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let says = property["description"].as_str().is_some_and(|text| text.contains("Default"));
            if !required.contains(&json!(name)) && !says && property["default"].is_null() {
                silent.push(format!("{path}.{name}"));
            }
        }
    }
    assert_eq!(silent, NONE);
}

#[test]
fn people_see_the_columns_they_need() {
    let columns = definition()["spec"]["versions"][0]["additionalPrinterColumns"].take();
    let shown = |priority: i64| {
        let columns = columns.as_array().unwrap().iter();
        let columns = columns.filter(|column| column["priority"].as_i64().unwrap_or(0) == priority);
        columns.map(|column| column["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shown(0), ["Ready", "Cluster", "Rollout", "Image", "Age"]);
    assert_eq!(shown(1), ["Cluster name", "Revision"]);
    let path =
        |name: &str| columns.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["jsonPath"].clone();
    assert_eq!(path("Cluster name"), ".status.cluster.name", "the spec may leave it to its default");
}

const BOTH_ZERO: &str = "rollout.maxSurge and rollout.maxUnavailable must not both be 0: no pod could ever be replaced; set one of them to 1";
const STEPS: &str =
    "rollout.strategy Canary needs rollout.canary.steps: say how many nodes run the new revision at each";
const STEP: &str =
    "a step needs replicas, or weight with rollout.canary.httpRoute: say how many nodes run the new revision";
const WEIGHT: &str =
    "a step with weight needs rollout.canary.httpRoute: name the HTTPRoute whose traffic is split, or say replicas";
const BOTH_SIDES: &str = "rollout.canary.httpRoute needs rollout.maxSurge above 0: there have to be nodes on both sides before traffic is split; set it to 1";
const IN_PLACE: &str = "rollout.strategy BlueGreen and Canary need workload.kind Deployment: use RollingUpdate or Recreate with a StatefulSet";
const DEADLINE: &str = "rollout.progressDeadlineSeconds must be above rollout.minReadySeconds: raise the deadline";
const DELAY: &str = "shutdown.delaySeconds must be below shutdown.gracePeriodSeconds: the delay is part of the grace period, raise the latter";
const MIGRATION: &str = "a migration takes either eval or command: give one of them";
const MIGRATION_ARGS: &str = "args of a migration are those of its command: give the command, or remove them";
const DRAIN: &str = "shutdown.drain takes either rpc or exec: give one of them";
const DRAIN_TIME: &str = "shutdown.delaySeconds and shutdown.drain.timeoutSeconds together must be below shutdown.gracePeriodSeconds: raise the latter, or the node is killed while it drains";
const LEAVE: &str = "shutdown.leave takes either rpc or exec: give one of them";
const LEAVE_STRATEGY: &str = "shutdown.leave needs rollout.strategy RollingUpdate, or Recreate with workload.kind Deployment: the others take nodes away with every rollout";
const BUDGET: &str = "disruptionBudget takes maxUnavailable or minAvailable, not both: remove one";
const REPLICAS: &str =
    "autoscaling.minReplicas must not be above autoscaling.maxReplicas: lower the first or raise the second";
const RANGE: &str = "cluster.ports.distribution.from must not be above its to: swap them";
const EXTRA: &str = "cluster.ports.extra: port must not be above endPort: swap them";
const EPMD: &str = "cluster.ports.epmd must be outside of cluster.ports.distribution: choose another port";
const PORTS: &str =
    "ports must not name a port of cluster.ports, which the operator knows already: remove it, or move one of them";
const TLS_NAME: &str = "cluster.tls.secretName must name the Secret with tls.crt, tls.key and ca.crt when cluster.tls.mode is Secret: name it, or use mode Managed";
const TLS_UNREAD: &str =
    "cluster.tls.secretName is read with cluster.tls.mode Secret or Application only: remove it, or change the mode";
const OBSERVED: &str = "cluster.discovery Operator and cluster.readinessGate need cluster.observation.mode Enabled: enable it, or choose another discovery and no gate";
const HOST: &str =
    "cluster.host PodFQDN needs workload.kind StatefulSet, whose pods have names in DNS: set it, or use host PodIP";
const CLAIMS: &str =
    "workload.volumeClaimTemplates needs workload.kind StatefulSet: set it, or use a volume of spec.volumes";
const POLICY: &str = "workload.podManagementPolicy needs workload.kind StatefulSet: set it, or remove the policy";
const SCOPE: &str = "cluster.scope Revision needs workload.kind Deployment: set it, or use scope Cluster";
const SCOPE_SERVICE: &str = "cluster.service.name is of no use with cluster.scope Revision: remove it";
const SCHEDULERS: &str = "vm.schedulers must be Auto, Default or a number from 1 to 1024";
const SHARE: &str = "must be a number that is not negative or a percentage such as \"25%\"";
const SHARE_OF_ALL: &str = "must be a number that is not negative or a percentage from \"0%\" to \"100%\"";
const LONG: &str = "metadata.name must have at most 52 characters: the names of its revisions and of its ServiceAccount derive from it and may have 63";
const LABEL: &str = "metadata.name must be a DNS label that starts with a letter: the Service has the same name";

/// What the rules of the definition say of a spec, as `field: message`.
fn verdict(name: &str, spec: &str) -> Vec<String> {
    let mut spec: Value = serde_yaml::from_str(spec).unwrap();
    spec["image"] = "registry.example.com/shop:1".into();
    let release: Result<api::ElixirRelease, _> = serde_json::from_value(json!({
        "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease", "metadata": {"name": name}, "spec": spec,
    }));
    // The typed release has the defaults that the API server fills in before it evaluates rules.
    let object = serde_json::to_value(release.unwrap()).unwrap();
    match Validator::new().validate(&schema(), &object, None) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.iter().map(|error| format!("{}: {}", error.field_path, error.message)).collect(),
    }
}

#[rstest]
#[case::nothing_said("{}")]
#[case::recreate_needs_no_surge("{rollout: {strategy: Recreate, maxSurge: 0, maxUnavailable: 0}}")]
#[case::blue_green("{rollout: {strategy: BlueGreen, blueGreen: {promotion: Manual, scaleDownDelaySeconds: 0}}}")]
#[case::canary(
    "{rollout: {strategy: Canary, canary: {steps: [{replicas: 25%, pauseSeconds: 300}, {replicas: 1}, {replicas: 100%}]}}}"
)]
#[case::by_weight(
    "{rollout: {strategy: Canary, canary: {httpRoute: {name: shop}, steps: [{weight: 0}, {weight: 100, replicas: 2}, {replicas: 1}]}}}"
)]
#[case::a_route_that_is_of_no_use_now(
    "{rollout: {strategy: Recreate, maxSurge: 0, canary: {httpRoute: {name: shop}, steps: [{weight: 5}]}}}"
)]
#[case::percentages("{rollout: {maxSurge: 100%, maxUnavailable: 0%}, disruptionBudget: {minAvailable: 50%}}")]
#[case::ports_of_lone_nodes("{ports: [{containerPort: 9100}], cluster: {distribution: Disabled}}")]
#[case::ports_of_another_protocol("{ports: [{containerPort: 9100, protocol: UDP}]}")]
#[case::migrations("{migrations: [{name: a, eval: b}, {name: c, command: [d], args: [e], when: After}]}")]
#[case::drains("{shutdown: {drain: {rpc: 'Shop.drain()', timeoutSeconds: 54}}}")]
#[case::leaves("{shutdown: {leave: {exec: [forget], timeoutSeconds: 3600}}, workload: {kind: StatefulSet}}")]
#[case::leaves_and_recreates("{shutdown: {leave: {rpc: 'Shop.leave()'}}, rollout: {strategy: Recreate}}")]
#[case::nobody_looks("{cluster: {observation: {mode: Disabled}}}")]
#[case::the_operator_connects("{cluster: {discovery: Operator, readinessGate: Enabled}}")]
#[case::no_epmd("{ports: [{containerPort: 4369}], cluster: {epmd: Disabled}}")]
#[case::epmd_of_its_own("{ports: [{containerPort: 4369}], cluster: {epmd: Application, ports: {epmd: 9100}}}")]
#[case::dns_names_of_pods("{cluster: {host: PodFQDN}, workload: {kind: StatefulSet}}")]
#[case::lone_nodes_have_no_names("{cluster: {host: PodFQDN, distribution: Disabled}}")]
#[case::names_of_its_own("{cluster: {host: Application}}")]
#[case::revisions_apart("{cluster: {scope: Revision, name: market, service: {labels: {a: b}}}}")]
#[case::lone_revisions(
    "{workload: {kind: StatefulSet}, cluster: {scope: Revision, service: {name: peers}, distribution: Disabled}}"
)]
#[case::no_claims("{workload: {volumeClaimTemplates: []}}")]
#[case::claims(
    "{workload: {kind: StatefulSet, podManagementPolicy: OrderedReady, volumeClaimTemplates: [{metadata: {name: data}}]}}"
)]
#[case::one_distribution_port("{cluster: {ports: {distribution: {from: 9100, to: 9100}, extra: [{port: 5369}]}}}")]
#[case::managed_certificates("{cluster: {tls: {mode: Managed, secretName: ''}}}")]
#[case::brought_certificates("{cluster: {tls: {mode: Secret, secretName: mine}}}")]
#[case::certificates_of_the_image("{cluster: {tls: {mode: Application}}}")]
#[case::schedulers("{vm: {schedulers: 4}}")]
#[case::schedulers_by_policy("{vm: {schedulers: Default}}")]
fn the_rules_accept(#[case] spec: &str) {
    assert_eq!(verdict("shop", spec), NONE);
}

/// A spec, and the rule that refuses it.
const REFUSED: &[(&str, &str, &str)] = &[
    ("{rollout: {maxSurge: 0}}", "spec.rollout", BOTH_ZERO),
    ("{rollout: {maxSurge: 0%, maxUnavailable: 0%}}", "spec.rollout", BOTH_ZERO),
    ("{rollout: {strategy: Canary}}", "spec.rollout", STEPS),
    ("{workload: {kind: StatefulSet}, rollout: {strategy: BlueGreen}}", "spec", IN_PLACE),
    ("{rollout: {strategy: Canary, canary: {steps: [{replicas: 1}]}, maxSurge: 0}}", "spec.rollout", BOTH_ZERO),
    ("{rollout: {strategy: Canary, canary: {steps: [{}]}}}", "spec.rollout.canary.steps[0]", STEP),
    ("{rollout: {strategy: Canary, canary: {steps: [{weight: 5}]}}}", "spec.rollout.canary", WEIGHT),
    (
        "{rollout: {strategy: Canary, canary: {httpRoute: {name: shop}, steps: [{weight: 5}]}, maxSurge: 0%, maxUnavailable: 1}}",
        "spec.rollout",
        BOTH_SIDES,
    ),
    ("{rollout: {minReadySeconds: 600}}", "spec.rollout", DEADLINE),
    ("{rollout: {maxSurge: -1}}", "spec.rollout.maxSurge", SHARE),
    ("{rollout: {maxSurge: many}}", "spec.rollout.maxSurge", SHARE),
    ("{rollout: {maxSurge: 00%}}", "spec.rollout.maxSurge", SHARE),
    ("{rollout: {maxUnavailable: 101%}}", "spec.rollout.maxUnavailable", SHARE_OF_ALL),
    ("{shutdown: {delaySeconds: 60}}", "spec.shutdown", DELAY),
    ("{migrations: [{name: a}]}", "spec.migrations[0]", MIGRATION),
    ("{migrations: [{name: a, eval: b, command: [c]}]}", "spec.migrations[0]", MIGRATION),
    ("{migrations: [{name: a, eval: b, args: [c]}]}", "spec.migrations[0]", MIGRATION_ARGS),
    ("{shutdown: {drain: {}}}", "spec.shutdown.drain", DRAIN),
    ("{shutdown: {drain: {rpc: a, exec: [b]}}}", "spec.shutdown.drain", DRAIN),
    ("{shutdown: {drain: {rpc: a, timeoutSeconds: 55}}}", "spec.shutdown", DRAIN_TIME),
    ("{shutdown: {leave: {}}}", "spec.shutdown.leave", LEAVE),
    ("{shutdown: {leave: {rpc: a, exec: [b]}}}", "spec.shutdown.leave", LEAVE),
    ("{shutdown: {leave: {rpc: a}}, rollout: {strategy: BlueGreen}}", "spec", LEAVE_STRATEGY),
    (
        "{shutdown: {leave: {rpc: a}}, rollout: {strategy: Recreate}, workload: {kind: StatefulSet}}",
        "spec",
        LEAVE_STRATEGY,
    ),
    ("{disruptionBudget: {maxUnavailable: 1, minAvailable: 1}}", "spec.disruptionBudget", BUDGET),
    ("{disruptionBudget: {maxUnavailable: -1}}", "spec.disruptionBudget.maxUnavailable", SHARE_OF_ALL),
    ("{disruptionBudget: {minAvailable: all}}", "spec.disruptionBudget.minAvailable", SHARE_OF_ALL),
    ("{autoscaling: {minReplicas: 3, maxReplicas: 2}}", "spec.autoscaling", REPLICAS),
    ("{cluster: {ports: {distribution: {from: 9105, to: 9100}}}}", "spec.cluster.ports.distribution", RANGE),
    ("{cluster: {ports: {extra: [{port: 9, endPort: 8}]}}}", "spec.cluster.ports.extra[0]", EXTRA),
    ("{cluster: {ports: {epmd: 9103}}}", "spec.cluster", EPMD),
    ("{ports: [{containerPort: 4000}, {containerPort: 9105}]}", "spec", PORTS),
    ("{cluster: {discovery: Operator, observation: {mode: Disabled}}}", "spec.cluster", OBSERVED),
    ("{cluster: {readinessGate: Enabled, observation: {mode: Disabled}}}", "spec.cluster", OBSERVED),
    ("{cluster: {host: PodFQDN}}", "spec", HOST),
    ("{workload: {kind: StatefulSet}, cluster: {scope: Revision}}", "spec", SCOPE),
    ("{cluster: {scope: Revision, service: {name: peers}}}", "spec.cluster", SCOPE_SERVICE),
    ("{workload: {volumeClaimTemplates: [{metadata: {name: data}}]}}", "spec.workload", CLAIMS),
    ("{workload: {podManagementPolicy: OrderedReady}}", "spec.workload", POLICY),
    ("{ports: [{containerPort: 4369}]}", "spec", PORTS),
    ("{cluster: {tls: {mode: Secret}}}", "spec.cluster.tls", TLS_NAME),
    ("{cluster: {tls: {mode: Secret, secretName: ''}}}", "spec.cluster.tls", TLS_NAME),
    ("{cluster: {tls: {mode: Managed, secretName: mine}}}", "spec.cluster.tls", TLS_UNREAD),
    ("{cluster: {tls: {secretName: mine}}}", "spec.cluster.tls", TLS_UNREAD),
    ("{vm: {schedulers: 0}}", "spec.vm.schedulers", SCHEDULERS),
    ("{vm: {schedulers: 1025}}", "spec.vm.schedulers", SCHEDULERS),
];

#[test]
fn the_rules_refuse_and_name_the_remedy() {
    for (spec, field, message) in REFUSED {
        assert_eq!(verdict("shop", spec), [format!("{field}: {message}")], "{spec}");
    }
}

#[rstest]
#[case::too_long("a23456789b123456789c123456789d123456789e123456789f123", LONG)]
#[case::with_a_dot("shop.example", LABEL)]
#[case::starts_with_a_digit("4shop", LABEL)]
fn names_that_others_could_not_derive_from(#[case] name: &str, #[case] message: &str) {
    assert_eq!(verdict(name, "{}"), [format!(": {message}")]);
}

#[test]
fn no_rule_is_untried() {
    let root = schema();
    let mut all = Vec::new();
    schemas(&root, String::new(), &mut all);
    let rules = all.iter().flat_map(|(_, schema)| schema["x-kubernetes-validations"].as_array().into_iter().flatten());
    let written: BTreeSet<_> = rules.map(|rule| rule["message"].as_str().unwrap()).collect();
    let tried: BTreeSet<_> = REFUSED.iter().map(|(_, _, message)| *message).chain([LONG, LABEL]).collect();
    assert_eq!(written, tried);
}
