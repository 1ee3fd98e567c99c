//! What the operator may do, and where.

use super::*;

/// Every `group/resource verb` that a role grants, sorted.
fn grants(role: &Value) -> Vec<String> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let mut grants = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in words(&rule["apiGroups"]) {
            for resource in words(&rule["resources"]) {
                grants.extend(words(&rule["verbs"]).into_iter().map(|verb| format!("{group}/{resource} {verb}")));
            }
        }
    }
    grants.sort();
    grants
}

#[test]
fn all_namespaces_take_one_cluster_role() {
    let objects = render(&[]);
    let arguments = objects.container()["args"].as_array().unwrap();
    assert!(!arguments.iter().any(|argument| argument.as_str().unwrap().starts_with("--watch-namespace")));
    let binding = objects.only("ClusterRoleBinding");
    assert_eq!(binding["roleRef"]["name"], "beam-operator");
    assert_eq!(
        binding["subjects"],
        json!([{"kind": "ServiceAccount", "name": "beam-operator", "namespace": "system"}])
    );
    assert!(objects.all("Role").all(|role| role["metadata"]["name"] == "beam-operator-election"));
}

#[test]
fn a_list_of_namespaces_takes_a_role_in_each_and_nothing_for_the_cluster() {
    let everywhere = render(&[]);
    let listed = render(&[r#"watchNamespaces=["store","blog"]"#, "rbac.aggregateToUserRoles=false"]);
    assert!(!listed.has("ClusterRole") && !listed.has("ClusterRoleBinding"));
    for kind in ["Role", "RoleBinding"] {
        let namespaces: Vec<_> = listed
            .all(kind)
            .filter(|object| object["metadata"]["name"] == "beam-operator")
            .map(|object| object["metadata"]["namespace"].as_str().unwrap())
            .collect();
        assert_eq!(namespaces, ["store", "blog"], "{kind}");
    }
    let role = listed.named("Role", "beam-operator");
    assert_eq!(role["rules"], everywhere.named("ClusterRole", "beam-operator")["rules"]);
}

#[test]
fn the_permissions_are_these_and_no_others() {
    let objects = render(&[]);
    let granted = grants(objects.named("ClusterRole", "beam-operator"));
    let mut expect = Vec::new();
    let mut allow = |resources: &str, verbs: &str| {
        for resource in resources.split(' ') {
            expect.extend(verbs.split(' ').map(|verb| format!("{resource} {verb}")));
        }
    };
    let children = "/services /secrets /serviceaccounts apps/deployments apps/statefulsets apps/controllerrevisions batch/jobs \
                    policy/poddisruptionbudgets \
                    networking.k8s.io/networkpolicies autoscaling/horizontalpodautoscalers \
                    rbac.authorization.k8s.io/roles rbac.authorization.k8s.io/rolebindings";
    allow(children, "get list watch create patch delete");
    allow("/configmaps /pods", "get list watch");
    allow("beam-operator.io/elixirreleases", "list watch");
    allow("/endpoints discovery.k8s.io/endpointslices", "get list");
    allow("beam-operator.io/elixirreleases/status /pods/status", "patch");
    allow("beam-operator.io/elixirreleases/finalizers", "update");
    allow("events.k8s.io/events /pods/eviction", "create");
    expect.sort();
    assert_eq!(granted, expect);
}

/// They are objects of others, which only canaries by weight need.
#[test]
fn routes_are_granted_to_whoever_asks() {
    let before = grants(render(&[]).named("ClusterRole", "beam-operator"));
    for (namespaces, kind) in [("[]", "ClusterRole"), (r#"["store"]"#, "Role")] {
        let objects = render(&["rbac.httpRoutes=true", &format!("watchNamespaces={namespaces}")]);
        let mut granted = grants(objects.named(kind, "beam-operator"));
        granted.retain(|grant| !before.contains(grant));
        let route = |verb: &str| format!("gateway.networking.k8s.io/httproutes {verb}");
        assert_eq!(granted, ["list", "patch", "watch"].map(route), "{kind}");
    }
}

#[test]
fn the_lease_is_the_only_one_that_may_be_changed() {
    let objects = render(&[r#"fullnameOverride="exr""#]);
    assert!(objects.has_argument("--lease-name=exr"));
    let rules = &objects.named("Role", "exr-election")["rules"];
    assert_eq!(rules[0]["verbs"], json!(["create"]));
    assert_eq!(rules[1]["resourceNames"], json!(["exr"]));
    assert_eq!(rules[1]["verbs"], json!(["get", "patch"]));
    assert_eq!(objects.named("RoleBinding", "exr-election")["metadata"]["namespace"], "system");
}

#[test]
fn commands_are_run_in_pods_only_where_that_is_wished() {
    let of_exec = |values: &[&str], kind: &str, name: &str| -> Vec<String> {
        grants(render(values).named(kind, name)).into_iter().filter(|grant| grant.contains("/exec")).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(of_exec(&[], "ClusterRole", "beam-operator"), none);
    let wished = ["/pods/exec create", "/pods/exec get"];
    assert_eq!(of_exec(&["rbac.execIntoPods=true"], "ClusterRole", "beam-operator"), wished);
    let in_one = ["rbac.execIntoPods=true", r#"watchNamespaces=["store"]"#];
    assert_eq!(of_exec(&in_one, "Role", "beam-operator"), wished);
}

#[test]
fn users_of_the_namespace_roles_may_write_or_read_releases() {
    let objects = render(&[]);
    let edit = objects.named("ClusterRole", "beam-operator-edit");
    assert_eq!(edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"], "true");
    assert!(grants(edit).contains(&"beam-operator.io/elixirreleases create".to_owned()));
    assert!(!grants(edit).iter().any(|grant| grant.contains("/status ")));
    let view = objects.named("ClusterRole", "beam-operator-view");
    assert_eq!(view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"], "true");
    assert!(grants(view).iter().all(|grant| ["get", "list", "watch"].iter().any(|verb| grant.ends_with(verb))));
    assert_eq!(render(&["rbac.aggregateToUserRoles=false"]).all("ClusterRole").count(), 1);
}

#[test]
fn without_rbac_nothing_is_granted_to_the_operator() {
    let objects = render(&["rbac.create=false", "rbac.aggregateToUserRoles=false"]);
    for kind in ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"] {
        assert!(!objects.has(kind), "{kind}");
    }
}
