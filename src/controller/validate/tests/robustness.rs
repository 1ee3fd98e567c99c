//! Whatever is stored, validation answers.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

/// JSON of the kind that people put where a Kubernetes object belongs: its own field names around wrong things.
fn object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec!["release", "", "delete", "replace", "TCP", "http", "$(POD_IP)", "Always", "9100"])
            .prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "spec",
        "metadata",
        "labels",
        "containers",
        "initContainers",
        "volumes",
        "name",
        "image",
        "ports",
        "containerPort",
        "port",
        "targetPort",
        "protocol",
        "env",
        "value",
        "valueFrom",
        "envFrom",
        "secretRef",
        "configMap",
        "resources",
        "limits",
        "requests",
        "cpu",
        "lifecycle",
        "$patch",
        "$retainKeys",
        "type",
        "selector",
        "beam-operator.io/release",
        "terminationGracePeriodSeconds",
    ]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<Map<_, _>>()
            )),
        ]
    })
}

/// A container of a patch as people write it: some of its fields, at times a wrong one.
fn container() -> impl Strategy<Value = Value> {
    let variable = prop_oneof![
        ("[A-C]", "[a-z]{0,3}|\\$\\([A-D]\\)").prop_map(|(name, value)| json!({"name": name, "value": value})),
        "[A-C]".prop_map(
            |name| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "shop-env", "key": "admin"}}})
        ),
        "[A-C]".prop_map(|name| json!({"name": name, "$patch": "delete"})),
    ];
    let fields = prop::collection::btree_map(
        prop::sample::select(vec!["env", "tty", "ports", "image", "lifecycle", "resources", "command"]),
        any::<bool>(),
        0..5,
    );
    let name = prop::sample::select(vec!["release", "release", "proxy", "log"]);
    (name, fields, prop::collection::vec(variable, 0..4), 1..6000_u16).prop_map(|(name, fields, env, port)| {
        let mut container = json!({"name": name, "resources": {"requests": {"cpu": 1}}});
        if name != "release" {
            container["image"] = "example.com/sidecar:1".into();
        }
        for (field, is_removed) in fields {
            container[field] = match field {
                _ if is_removed => Value::Null,
                "env" => env.clone().into(),
                "tty" => true.into(),
                "ports" => json!([{"containerPort": port}]),
                "image" => "example.com/other:1".into(),
                "lifecycle" => json!({"preStop": {"exec": {"command": ["true"]}}}),
                "command" => json!(["sh"]),
                _ => json!({"limits": {"cpu": 2}}),
            };
        }
        container
    })
}

fn template() -> impl Strategy<Value = Value> {
    let lists = (prop::collection::vec(container(), 0..3), prop::collection::vec(container(), 0..2));
    (lists, prop::option::of(1..100_i64)).prop_map(|((containers, init), grace)| {
        json!({"spec": {"containers": containers, "initContainers": init, "terminationGracePeriodSeconds": grace}})
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-zA-Z0-9./_@:-]{1,70}", any::<String>()]
}

prop_compose! {
    fn limits()(
        numbers in prop::array::uniform9(prop_oneof![-2..12_i32, any::<i32>()]),
        surge in prop_oneof![any::<i32>().prop_map(Value::from), text().prop_map(Value::from)],
    ) -> Value {
        let [replicas, least, most, ready, deadline, history, grace, delay, unavailable] = numbers;
        json!({
            "replicas": replicas,
            "autoscaling": {"minReplicas": least, "maxReplicas": most},
            "rollout": {
                "maxSurge": surge, "maxUnavailable": unavailable, "minReadySeconds": ready,
                "progressDeadlineSeconds": deadline, "revisionHistoryLimit": history,
            },
            "shutdown": {"gracePeriodSeconds": grace, "delaySeconds": delay},
            "disruptionBudget": {"maxUnavailable": surge},
        })
    }
}

prop_compose! {
    fn cluster()(
        texts in prop::array::uniform4(text()),
        ports in prop::array::uniform6(any::<u16>()),
        epmd in prop::sample::select(vec!["Enabled", "Disabled", "Application"]),
        host in prop::sample::select(vec!["PodIP", "PodFQDN", "Application"]),
        distribution in prop::sample::select(vec!["Enabled", "Disabled"]),
        (scope, discovery) in (
            prop::sample::select(vec!["Cluster", "Revision"]),
            prop::sample::select(vec!["DNS", "Kubernetes", "None"]),
        ),
    ) -> Value {
        let [name, basename, service, secret] = texts;
        let [epmd_port, from, to, extra, end, _] = ports;
        json!({
            "name": name, "basename": basename, "host": host, "epmd": epmd, "distribution": distribution, "discovery": discovery,
            "scope": scope,
            "service": {"name": service, "labels": {name.clone(): basename.clone()}},
            "cookie": {"secretKeyRef": {"name": secret}},
            "ports": {
                "epmd": epmd_port, "distribution": {"from": from, "to": to},
                "extra": [{"port": extra, "endPort": end}, {"port": extra, "protocol": "UDP"}],
            },
        })
    }
}

prop_compose! {
    fn release()(
        name in text(),
        image in text(),
        tool in prop::sample::select(vec!["Mix", "Distillery", "Relx", "None"]),
        limits in limits(),
        cluster in cluster(),
        ports in prop::collection::vec((prop::option::of(text()), any::<u16>()), 0..4),
        (variable, value, amount) in (text(), text(), text()),
        template in object(),
        service in object(),
        metric in object(),
        (kind, claim) in (prop::sample::select(vec!["Deployment", "StatefulSet"]), object()),
    ) -> ElixirRelease {
        let ports: Vec<_> = ports.into_iter().map(|(name, port)| json!({"name": name, "containerPort": port})).collect();
        let mut spec = limits;
        spec["image"] = image.into();
        spec["release"] = json!({"tool": tool});
        spec["cluster"] = cluster;
        spec["ports"] = ports.into();
        spec["env"] = json!([{"name": variable, "value": value}]);
        spec["resources"] = json!({"limits": {"cpu": amount}});
        for (field, object) in [("podTemplate", template), ("service", json!({"spec": service}))] {
            if object.is_object() && object["spec"].is_object() {
                spec[field] = object;
            }
        }
        spec["workload"] = json!({"kind": kind});
        if claim.is_object() {
            spec["workload"]["volumeClaimTemplates"] = json!([claim]);
        }
        if metric.is_object() {
            spec["autoscaling"]["metrics"] = json!([metric]);
        }
        serde_json::from_value(json!({
            "apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease",
            "metadata": {"name": name, "namespace": "store"}, "spec": spec,
        })).unwrap()
    }
}

proptest! {
    #[test]
    fn it_answers_whatever_is_stored(release in release(), other in release()) {
        let verdict = validate(&release, &[&other, &release], References::Read(&Contents::new()), &Facts::default(), now());
        if let Err(problems) = verdict {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| !problem.field.is_empty() && !problem.message.is_empty()));
        }
    }

    #[test]
    fn a_template_of_the_user_is_merged_or_refused(template in template()) {
        let mut release = valid();
        release.spec.pod_template = serde_json::from_value(template).unwrap();

        if let Ok(valid) = validate(&release, &[&release], References::Read(&contents()), &Facts::default(), now()) {
            let pod = valid.template.spec.unwrap();
            prop_assert_eq!(pod.containers.iter().filter(|container| container.name == "release").count(), 1);
            prop_assert!(pod.containers.iter().all(|container| container.image.is_some()));
        }
    }
}
