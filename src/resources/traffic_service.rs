//! The Service that carries traffic to the nodes that are ready, named like the release.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use super::problem::Problem;
use super::{labels, merge, metadata, names};
use crate::api::{self, ElixirRelease, Port, Protocol, ServiceType};

/// Where the part that the user writes verbatim stands.
const FIELD: &str = "spec.service.spec";

/// The Service; `None` where none is wanted and where there is no port for it to carry.
///
/// # Errors
/// What is wrong with `spec.service.spec`, which the resource carries verbatim.
pub fn build(release: &ElixirRelease) -> Result<Option<Service>, Vec<Problem>> {
    let wishes = &release.spec.service;
    if wishes.type_ == ServiceType::None {
        return Ok(None);
    }
    let spec: ServiceSpec = merge::overlay(&own(release), &wishes.spec, &merge::SERVICE, FIELD)?;
    if spec.ports.as_ref().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    let mut metadata = metadata::of_release(release, release.name_any());
    metadata.annotations = (!wishes.annotations.is_empty()).then(|| wishes.annotations.clone());
    Ok(Some(Service { metadata, spec: Some(spec), status: None }))
}

/// The Service with its traffic going to the nodes of one revision, if one is given.
#[must_use]
pub fn to_revision(service: &Service, revision: Option<&str>) -> Service {
    let mut service = service.clone();
    if let Some(revision) = revision {
        let selector = service.spec.get_or_insert_default().selector.get_or_insert_default();
        selector.insert(labels::REVISION.to_owned(), revision.to_owned());
    }
    service
}

/// The Service that leads to the nodes of a revision before traffic does; `None` without a port for it to carry. It has the
/// ports of the traffic Service and is reached from within the cluster only.
#[must_use]
pub fn preview(release: &ElixirRelease, revision: &str) -> Option<Service> {
    let is_headless = release.spec.service.type_ == ServiceType::Headless;
    let spec = ServiceSpec {
        type_: Some("ClusterIP".to_owned()),
        cluster_ip: is_headless.then(|| "None".to_owned()),
        ..own(release)
    };
    let service = Service {
        metadata: metadata::of_release(release, names::preview_service(release)),
        spec: Some(spec),
        status: None,
    };
    (!ports(release).is_empty()).then(|| to_revision(&service, Some(revision)))
}

/// What the fields of the resource say, before the user's own ServiceSpec is merged over it.
fn own(release: &ElixirRelease) -> ServiceSpec {
    let (type_, cluster_ip) = match release.spec.service.type_ {
        ServiceType::Headless => ("ClusterIP", Some("None".to_owned())),
        ServiceType::NodePort => ("NodePort", None),
        ServiceType::LoadBalancer => ("LoadBalancer", None),
        ServiceType::ClusterIP | ServiceType::None => ("ClusterIP", None),
    };
    ServiceSpec {
        type_: Some(type_.to_owned()),
        cluster_ip,
        selector: Some(labels::pod_selector(release)),
        ports: Some(ports(release)),
        ..ServiceSpec::default()
    }
}

fn ports(release: &ElixirRelease) -> Vec<ServicePort> {
    let wished = &release.spec.service.ports;
    if wished.is_empty() {
        release.spec.ports.iter().map(declared).collect()
    } else {
        wished.iter().map(given).collect()
    }
}

fn given(port: &api::ServicePort) -> ServicePort {
    ServicePort {
        name: port.name.clone(),
        port: port.port.into(),
        target_port: port.target_port.clone(),
        protocol: Some(port.protocol.as_str().to_owned()),
        ..ServicePort::default()
    }
}

/// A declared port. A named one is found by its name, so that its number may change from one revision to the next while
/// both run. One without a name gets one, because a Service with more than one port needs them.
fn declared(port: &Port) -> ServicePort {
    let unnamed = || match port.protocol {
        Protocol::Tcp => format!("port-{}", port.container_port),
        other => format!("port-{}-{}", port.container_port, other.as_str().to_lowercase()),
    };
    ServicePort {
        name: Some(port.name.clone().unwrap_or_else(unnamed)),
        port: port.container_port.into(),
        target_port: port.name.clone().map(IntOrString::String),
        protocol: Some(port.protocol.as_str().to_owned()),
        ..ServicePort::default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::super::fixture;
    use super::*;

    const HTTP: &str = "ports: [{name: http, containerPort: 4000}]";

    fn built(spec: &str) -> Value {
        serde_json::to_value(build(&fixture::release(spec)).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_declared_port() {
        insta::assert_yaml_snapshot!(build(&fixture::release(HTTP)).unwrap().unwrap());
    }

    #[test]
    fn the_preview_of_a_load_balancer_stays_within_the_cluster() {
        let spec = "
            ports: [{name: http, containerPort: 4000}]
            service: {type: LoadBalancer, annotations: {a: b}, spec: {externalTrafficPolicy: Local}}
            rollout: {strategy: BlueGreen}
        ";
        insta::assert_yaml_snapshot!(preview(&fixture::release(spec), "shop-7c9d4").unwrap());
    }

    #[test]
    fn no_preview_without_a_port() {
        assert_eq!(preview(&fixture::release("rollout: {strategy: BlueGreen}"), "shop-7c9d4"), None);
    }

    #[test]
    fn traffic_goes_to_one_revision() {
        let service = build(&fixture::release(HTTP)).unwrap().unwrap();
        assert_eq!(to_revision(&service, None), service);
        let selector = to_revision(&service, Some("shop-7c9d4")).spec.unwrap().selector.unwrap();
        assert_eq!(selector[labels::REVISION], "shop-7c9d4");
        assert_eq!(selector[labels::RELEASE], "shop");
    }

    #[test]
    fn ports_and_spec_of_the_user() {
        let release = fixture::release(
            "
            ports: [{name: http, containerPort: 4000}]
            service:
              type: LoadBalancer
              annotations: {external-dns.alpha.kubernetes.io/hostname: shop.example.com}
              ports: [{name: web, port: 80, targetPort: http}, {name: admin, port: 8080, targetPort: 4001}]
              spec:
                externalTrafficPolicy: Local
                loadBalancerClass: example.com/internal
                ports: [{port: 80, nodePort: 30080}]
            ",
        );
        insta::assert_yaml_snapshot!(build(&release).unwrap().unwrap());
    }

    #[rstest]
    #[case::cluster_ip("{}", json!("ClusterIP"), Value::Null)]
    #[case::node_port("{type: NodePort}", json!("NodePort"), Value::Null)]
    #[case::load_balancer("{type: LoadBalancer}", json!("LoadBalancer"), Value::Null)]
    #[case::headless("{type: Headless}", json!("ClusterIP"), json!("None"))]
    fn types(#[case] service: &str, #[case] type_: Value, #[case] cluster_ip: Value) {
        let service = built(&format!("{{{HTTP}, service: {service}}}"));
        assert_eq!((&service["spec"]["type"], &service["spec"]["clusterIP"]), (&type_, &cluster_ip));
    }

    #[rstest]
    #[case::named(
        "{ports: [{name: http, containerPort: 4000}]}",
        json!([{"name": "http", "port": 4000, "targetPort": "http", "protocol": "TCP"}])
    )]
    #[case::unnamed(
        "{ports: [{containerPort: 4000}, {containerPort: 53}, {containerPort: 53, protocol: UDP}]}",
        json!([
            {"name": "port-4000", "port": 4000, "protocol": "TCP"},
            {"name": "port-53", "port": 53, "protocol": "TCP"},
            {"name": "port-53-udp", "port": 53, "protocol": "UDP"},
        ])
    )]
    #[case::these_and_no_others(
        "{ports: [{name: http, containerPort: 4000}], service: {ports: [{port: 80, targetPort: 4000}]}}",
        json!([{"port": 80, "targetPort": 4000, "protocol": "TCP"}])
    )]
    #[case::only_in_the_spec(
        "{service: {spec: {ports: [{port: 80}]}}}",
        json!([{"port": 80}])
    )]
    fn ports_of(#[case] spec: &str, #[case] expected: Value) {
        assert_eq!(built(spec)["spec"]["ports"], expected);
    }

    #[test]
    fn the_spec_of_the_user_wins() {
        let service = built(&format!("{{{HTTP}, service: {{spec: {{sessionAffinity: ClientIP, type: NodePort}}}}}}"));

        assert_eq!(service["spec"]["sessionAffinity"], "ClientIP");
        assert_eq!(service["spec"]["type"], "NodePort");
        assert_eq!(service["spec"]["selector"], json!({"beam-operator.io/release": "shop"}));
    }

    #[rstest]
    #[case::no_port("{}")]
    #[case::not_wanted("{ports: [{containerPort: 4000}], service: {type: None}}")]
    fn no_service(#[case] spec: &str) {
        assert_eq!(build(&fixture::release(spec)), Ok(None));
    }

    #[rstest]
    #[case::unknown_field("{sessionAfinity: ClientIP}", "spec.service.spec.sessionAfinity")]
    #[case::wrong_type("{ports: [{port: 80}, {port: http}]}", "spec.service.spec.ports[1].port")]
    fn a_mistake_is_told_with_its_path(#[case] spec: &str, #[case] field: &str) {
        let problems = build(&fixture::release(&format!("{{{HTTP}, service: {{spec: {spec}}}}}"))).unwrap_err();
        assert_eq!(problems.iter().map(|problem| problem.field.as_str()).collect::<Vec<_>>(), [field]);
    }
}
