use k8s_openapi::api::core::v1::{PodTemplateSpec, ServiceSpec};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("{other} is not an object"),
    }
}

fn merged(schema: &Schema, base: Value, patch: Value) -> Result<Value, Vec<Problem>> {
    let mut merge = Merge { schema, problems: Vec::new() };
    let merged = merge.object(object(base), &object(patch), "at", "at");
    if merge.problems.is_empty() { Ok(Value::Object(merged)) } else { Err(merge.problems) }
}

#[rstest]
#[case::objects_merge(json!({"a": {"b": 1, "c": 2}}), json!({"a": {"c": 3}}), json!({"a": {"b": 1, "c": 3}}))]
#[case::null_removes(json!({"a": 1, "b": 2}), json!({"a": null, "c": null}), json!({"b": 2}))]
#[case::null_in_what_is_new(json!({}), json!({"a": {"b": null, "c": 1}}), json!({"a": {"c": 1}}))]
#[case::object_replaced(json!({"a": {"b": 1}}), json!({"a": {"$patch": "replace", "c": 2}}), json!({"a": {"c": 2}}))]
#[case::object_emptied(json!({"a": {"b": 1}}), json!({"a": {"$patch": "delete"}}), json!({"a": {}}))]
#[case::elements_merge_by_name(
    json!({"containers": [{"name": "release", "image": "i", "tty": true}]}),
    json!({"containers": [{"name": "log"}, {"name": "release", "image": "j"}]}),
    json!({"containers": [{"name": "release", "image": "j", "tty": true}, {"name": "log"}]})
)]
#[case::element_deleted(
    json!({"volumes": [{"name": "a"}, {"name": "b"}]}),
    json!({"volumes": [{"name": "a", "$patch": "delete"}, {"name": "z", "$patch": "delete"}]}),
    json!({"volumes": [{"name": "b"}]})
)]
#[case::element_replaced(
    json!({"containers": [{"name": "a", "image": "i", "tty": true}, {"name": "b"}]}),
    json!({"containers": [{"name": "a", "image": "j", "$patch": "merge"}]}),
    json!({"containers": [{"name": "a", "image": "j", "tty": true}, {"name": "b"}]})
)]
#[case::list_replaced(
    json!({"env": [{"name": "A"}, {"name": "B"}]}),
    json!({"env": [{"$patch": "replace"}, {"name": "C"}]}),
    json!({"env": [{"name": "C"}]})
)]
#[case::other_lists_are_replaced(json!({"args": ["a", "b"]}), json!({"args": ["c"]}), json!({"args": ["c"]}))]
#[case::ports_differ_by_protocol(
    json!({"ports": [{"containerPort": 53}, {"containerPort": 53, "protocol": "UDP"}]}),
    json!({"ports": [{"containerPort": 53, "protocol": "TCP", "name": "dns"}]}),
    json!({"ports": [{"containerPort": 53, "protocol": "TCP", "name": "dns"}, {"containerPort": 53, "protocol": "UDP"}]})
)]
#[case::retain_keys(
    json!({"a": {"b": 1, "c": 2}}),
    json!({"a": {"$retainKeys": ["b"], "b": 3}}),
    json!({"a": {"b": 3}})
)]
#[case::value_takes_the_place_of_value_from(
    json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}),
    json!({"env": [{"name": "A", "value": "v"}]}),
    json!({"env": [{"name": "A", "value": "v"}]})
)]
#[case::sources_of_a_value_are_alternatives(
    json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}),
    json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
    json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]})
)]
#[case::handlers_of_a_probe_are_alternatives(
    json!({"readinessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 5}}),
    json!({"readinessProbe": {"exec": {"command": ["c"]}, "timeoutSeconds": 2}}),
    json!({"readinessProbe": {"exec": {"command": ["c"]}, "periodSeconds": 5, "timeoutSeconds": 2}})
)]
#[case::timing_of_a_probe_keeps_its_handler(
    json!({"readinessProbe": {"tcpSocket": {"port": 1}}}),
    json!({"readinessProbe": {"periodSeconds": 5}}),
    json!({"readinessProbe": {"tcpSocket": {"port": 1}, "periodSeconds": 5}})
)]
#[case::hooks_are_alternatives(
    json!({"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}),
    json!({"lifecycle": {"preStop": {"exec": {"command": ["c"]}}}}),
    json!({"lifecycle": {"preStop": {"exec": {"command": ["c"]}}}})
)]
#[case::sources_of_a_volume_are_alternatives(
    json!({"volumes": [{"name": "a", "configMap": {"name": "c"}}]}),
    json!({"volumes": [{"name": "a", "emptyDir": {}}]}),
    json!({"volumes": [{"name": "a", "emptyDir": {}}]})
)]
#[case::the_same_source_of_a_volume_merges(
    json!({"volumes": [{"name": "a", "configMap": {"name": "c", "optional": true}}]}),
    json!({"volumes": [{"name": "a", "configMap": {"name": "d"}}]}),
    json!({"volumes": [{"name": "a", "configMap": {"name": "d", "optional": true}}]})
)]
fn merges_as_kubectl_does(#[case] base: Value, #[case] patch: Value, #[case] expected: Value) {
    assert_eq!(merged(&POD_TEMPLATE, base, patch).unwrap(), expected);
}

#[rstest]
#[case::element_without_its_key(
    json!({"containers": [{"name": "a"}, {"image": "i"}]}),
    "at.containers[1]: needs name: elements of containers merge by it"
)]
#[case::element_twice(
    json!({"ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53, "protocol": "UDP"}]}),
    "at.ports[1]: names 53/UDP a second time: remove one of them"
)]
#[case::unknown_word(json!({"spec": {"$patch": "remove"}}), "at.spec.$patch: must be delete, merge or replace")]
#[case::unknown_directive(
    json!({"$setElementOrder/containers": []}),
    "at.$setElementOrder/containers: is not supported: use $patch, $retainKeys or null"
)]
#[case::retain_keys_is_a_list(json!({"a": {"$retainKeys": "b"}}), "at.a.$retainKeys: must be a list of field names")]
fn refuses(#[case] patch: Value, #[case] expected: &str) {
    let problems = merged(&POD_TEMPLATE, json!({}), patch).unwrap_err();
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[test]
fn ports_of_a_service_merge_by_number() {
    let base: ServiceSpec =
        serde_json::from_value(json!({"ports": [{"port": 80, "targetPort": 4000}], "type": "ClusterIP"})).unwrap();
    let patch = json!({"ports": [{"port": 80, "nodePort": 30000}, {"port": 443}], "type": "NodePort"});
    let merged = overlay(&base, &Verbatim(object(patch)), &SERVICE, "spec.service.spec").unwrap();
    let expected = json!({
        "ports": [{"port": 80, "targetPort": 4000, "nodePort": 30000}, {"port": 443}], "type": "NodePort",
    });
    assert_eq!(serde_json::to_value(merged).unwrap(), expected);
}

#[test]
fn problems_name_the_place_in_the_patch() {
    let base: PodTemplateSpec = serde_json::from_value(json!({"spec": {"containers": [{"name": "release"}]}})).unwrap();
    let patch = json!({"spec": {"containers": [{"name": "x", "$patch": "delete"}, {"name": "log", "imge": "i"}]}});
    let problems = overlay(&base, &Verbatim(object(patch)), &POD_TEMPLATE, "spec.podTemplate").unwrap_err();
    assert_eq!(problems[0].field, "spec.podTemplate.spec.containers[1].imge");
    assert_eq!(problems.len(), 1);
}

/// Objects that use the names the schema knows, so that every rule is met.
fn objects() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    let scalar = prop_oneof![any::<bool>().prop_map(Value::from), (0..3).prop_map(Value::from), Just(Value::Null)];
    let field =
        prop::sample::select(vec!["containers", "env", "args", "metadata", "readinessProbe", "exec", "periodSeconds"]);
    scalar.prop_recursive(4, 24, 4, move |inner| {
        let element = (name.clone(), prop::collection::btree_map(field.clone(), inner.clone(), 0..3), any::<bool>());
        let list = prop::collection::vec(element, 0..3).prop_map(|elements| {
            let named = elements.into_iter().enumerate().map(|(index, (name, fields, delete))| {
                let mut element: Map<_, _> = fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
                element.insert("name".to_owned(), format!("{name}{index}").into());
                if delete {
                    element.insert(PATCH.to_owned(), "delete".into());
                }
                Value::Object(element)
            });
            Value::Array(named.collect())
        });
        let fields = prop::collection::btree_map(field.clone(), inner, 0..4)
            .prop_map(|fields| Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()));
        prop_oneof![list, fields]
    })
}

fn roots() -> impl Strategy<Value = Value> {
    objects().prop_map(|value| json!({ "spec": value }))
}

proptest! {
    #[test]
    fn merging_twice_is_merging_once(base in roots(), patch in roots()) {
        let base = plain(&base);
        if let Ok(once) = merged(&POD_TEMPLATE, base, patch.clone()) {
            prop_assert_eq!(merged(&POD_TEMPLATE, once.clone(), patch).unwrap(), once);
        }
    }

    #[test]
    fn an_empty_patch_changes_nothing(base in roots()) {
        let base = plain(&base);
        prop_assert_eq!(merged(&POD_TEMPLATE, base.clone(), json!({})).unwrap(), base);
    }

    #[test]
    fn no_directive_and_no_null_is_left(base in roots(), patch in roots()) {
        if let Ok(merged) = merged(&POD_TEMPLATE, plain(&base), patch) {
            prop_assert_eq!(plain(&merged), merged);
        }
    }
}
