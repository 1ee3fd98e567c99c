//! Where the operator looks for releases: what it is told, and what it may do, are the same.

use super::*;

#[test]
fn it_may_work_where_it_looks() {
    for (values, namespaces) in [
        (&[][..], &[][..]),
        (&[r#"watchNamespaces=["store","blog"]"#], &["store", "blog"]),
        (&["watchOwnNamespace=true"], &["system"]),
        (&[r#"watchNamespaces=["store"]"#, "watchOwnNamespace=true"], &["store", "system"]),
        (&[r#"watchNamespaces=["system","store"]"#, "watchOwnNamespace=true"], &["system", "store"]),
    ] {
        assert_scope(values, namespaces);
    }
}

fn assert_scope(values: &[&str], namespaces: &[&str]) {
    let objects = render(values);
    let flag = format!("--watch-namespace={}", namespaces.join(","));
    assert_eq!(objects.has_argument(&flag), !namespaces.is_empty());
    let test = objects.named("Pod", "beam-operator-test")["spec"]["containers"][0]["args"].to_string();
    assert_eq!(test.contains(&flag), !namespaces.is_empty(), "{test}");

    for kind in ["Role", "RoleBinding"] {
        let own = objects.all(kind).filter(|object| object["metadata"]["name"] == "beam-operator");
        let places: Vec<_> = own.map(|object| object["metadata"]["namespace"].as_str().unwrap()).collect();
        assert_eq!(places, namespaces, "{kind}");
    }
    let everywhere = objects.all("ClusterRole").any(|role| role["metadata"]["name"] == "beam-operator");
    assert_eq!(everywhere, namespaces.is_empty());
    assert_eq!(objects.has("ClusterRoleBinding"), namespaces.is_empty());
}
