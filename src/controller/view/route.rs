//! What is read of an HTTPRoute: which Services each of its rules sends requests to, and by which weights.

use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::version;
use super::{Detail, LiveChild};

/// How the API addresses HTTPRoutes.
///
/// Source: <https://gateway-api.sigs.k8s.io/reference/spec/#httproute>.
#[must_use]
pub fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("gateway.networking.k8s.io", "v1", "HTTPRoute");
    ApiResource::from_gvk_with_plural(&kind, "httproutes")
}

/// The backendRefs of each rule of an HTTPRoute, in their order.
pub type Rules = Box<[Box<[Backend]>]>;

/// A backendRef.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The Service of the route's namespace that it names; `None` for anything else.
    pub service: Option<Box<str>>,
    /// Its share of the requests, among all of the rule.
    pub weight: i32,
}

/// An HTTPRoute. It is an object of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteView {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
    /// Its version. Versions of one object grow.
    pub version: u64,
    /// Its rules.
    pub rules: Rules,
}

impl RouteView {
    /// The view of a live object, or `None` if it lacks what every stored object has.
    #[must_use]
    pub fn of(object: LiveChild) -> Option<Self> {
        let meta = &object.metadata;
        Some(Self {
            namespace: meta.namespace.as_deref()?.into(),
            name: meta.name.as_deref()?.into(),
            uid: meta.uid.as_deref()?.into(),
            version: version(meta)?,
            rules: match object.detail {
                Detail::Route(rules) => rules,
                _ => Rules::default(),
            },
        })
    }

    /// Whether a rule sends requests, or is to some day, to this Service.
    #[must_use]
    pub fn names(&self, service: &str) -> bool {
        self.rules.iter().flatten().any(|backend| backend.service.as_deref() == Some(service))
    }
}

/// The rules of an object, if it is an HTTPRoute: of the kinds that are looked at in this way, no other has backendRefs.
pub(super) fn rules(object: &DynamicObject) -> Option<Rules> {
    let rules = object.data["spec"]["rules"].as_array()?;
    let is_one = rules.iter().any(|rule| rule["backendRefs"].is_array());
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let backends =
        |rule: &Value| rule["backendRefs"].as_array().into_iter().flatten().map(|it| backend(it, namespace)).collect();
    is_one.then(|| rules.iter().map(backends).collect())
}

fn backend(reference: &Value, namespace: &str) -> Backend {
    let is = |field: &str, default: &str| reference[field].as_str().unwrap_or(default) == default;
    let is_service = is("group", "") && is("kind", "Service") && is("namespace", namespace);
    let weight = reference["weight"].as_i64().unwrap_or(1);
    Backend {
        service: reference["name"].as_str().filter(|_| is_service).map(Into::into),
        weight: i32::try_from(weight).unwrap_or(i32::MAX).max(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_route_services_and_weights_are_kept() {
        let object: LiveChild = serde_json::from_value(json!({
            "metadata": {"name": "shop", "namespace": "store", "uid": "u", "resourceVersion": "7"},
            "spec": {"parentRefs": [{"name": "gateway"}], "rules": [
                {"backendRefs": [
                    {"name": "shop", "port": 80},
                    {"name": "blog", "group": "", "kind": "Service", "namespace": "store", "weight": 3},
                    {"name": "shop", "namespace": "elsewhere"},
                    {"name": "shop", "group": "example.com", "kind": "Bucket", "weight": 0},
                ]},
                {"filters": []},
            ]},
        }))
        .unwrap();
        let route = RouteView::of(object).unwrap();
        let of = |service: Option<&str>, weight| Backend { service: service.map(Into::into), weight };
        assert_eq!((&*route.name, &*route.namespace, route.version), ("shop", "store", 7));
        assert_eq!(*route.rules[0], [of(Some("shop"), 1), of(Some("blog"), 3), of(None, 1), of(None, 0)]);
        assert!(route.rules[1].is_empty() && route.names("blog") && !route.names("elsewhere"));
    }
}
