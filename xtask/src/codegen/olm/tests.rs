//! The bundle agrees with what it follows from, looked at from the other side.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::checkout::root;

fn crd() -> String {
    fs::read_to_string(root().join("crds/elixirreleases.beam-operator.io.yaml")).unwrap()
}

fn sources() -> Sources {
    Sources::read(root(), &crd()).unwrap()
}

fn owned(csv: &Value) -> &Value {
    &csv["spec"]["customresourcedefinitions"]["owned"][0]
}

/// The field at a path of a descriptor.
fn resolve<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(schema, |schema, name| match name.strip_suffix("[0]") {
        Some(list) => schema["properties"].get(list)?.get("items"),
        None => schema["properties"].get(name),
    })
}

fn paths(descriptors: &Value) -> BTreeSet<String> {
    let paths = descriptors.as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap().to_owned());
    paths.collect()
}

#[test]
fn every_field_that_an_example_uses_has_a_descriptor() {
    let sources = sources();
    let csv = csv::build(&sources).unwrap();
    let schema = &sources.crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    let described = paths(&owned(&csv)["specDescriptors"]);
    let mut used: BTreeSet<String> = schema["spec"]["properties"].as_object().unwrap().keys().cloned().collect();
    for release in sources.examples.iter().flat_map(examples::Example::releases) {
        descriptors::collect_paths(&release["spec"], "", &mut used);
    }
    // What the CRD leaves open (a pod template) or to the user (names of resources) it cannot describe.
    used.retain(|path| resolve(&schema["spec"], path).is_some());
    assert!(used.contains("cluster.tls.mode") && used.contains("rollout.canary.steps[0].weight"), "{used:?}");
    assert_eq!(described, used);
}

#[test]
fn every_path_of_a_descriptor_is_a_field() {
    let sources = sources();
    let csv = csv::build(&sources).unwrap();
    let schema = &sources.crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
    for (descriptors, part) in [("specDescriptors", "spec"), ("statusDescriptors", "status")] {
        let paths = paths(&owned(&csv)[descriptors]);
        assert!(paths.len() > 20, "{descriptors}");
        for path in paths {
            assert!(resolve(&schema[part], &path).is_some(), "{part}.{path}");
        }
    }
    let status = schema["status"]["properties"].as_object().unwrap();
    let described = paths(&owned(&csv)["statusDescriptors"]);
    assert!(status.keys().all(|field| described.contains(field)));
}

#[test]
fn every_install_mode_is_supported() {
    let csv = csv::build(&sources()).unwrap();
    let modes = ["OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces"];
    let modes = modes.map(|mode| json!({"type": mode, "supported": true}));
    assert_eq!(csv["spec"]["installModes"], json!(modes));
    let container = &csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"]["containers"][0];
    let variables: Vec<_> =
        container["env"].as_array().unwrap().iter().filter(|it| it["name"] == "WATCH_NAMESPACE").collect();
    assert_eq!(variables.len(), 1);
    assert_eq!(variables[0]["valueFrom"]["fieldRef"]["fieldPath"], "metadata.annotations['olm.targetNamespaces']");
    // A flag would win over the variable.
    let arguments = container["args"].as_array().unwrap();
    assert!(!arguments.iter().any(|it| it.as_str().unwrap().starts_with("--watch-namespace")));
}

/// Nothing is granted beyond a namespace that OLM was told of, and nothing that the chart would not grant.
#[test]
fn the_rules_are_those_of_the_chart() {
    let installed = Rendering::new(NAME, NAME).objects().unwrap();
    let of = |kind: &str, name: &str| {
        let found = installed.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name).unwrap();
        found["rules"].as_array().unwrap().clone()
    };
    let csv = csv::build(&sources()).unwrap();
    let install = &csv["spec"]["install"]["spec"];
    assert_eq!(install.get("clusterPermissions"), None);
    let expect = [of("ClusterRole", "beam-operator"), of("Role", "beam-operator-election")].concat();
    assert_eq!(install["permissions"], json!([{"serviceAccountName": "beam-operator", "rules": expect}]));
    let deployment = &install["deployments"][0]["spec"]["template"]["spec"];
    assert_eq!(deployment["serviceAccountName"], "beam-operator");
}

#[test]
fn every_kind_that_the_operator_makes_is_a_resource_of_the_release() {
    let csv = csv::build(&sources()).unwrap();
    let mut made = BTreeSet::from(["pods".to_owned()]);
    for rule in csv["spec"]["install"]["spec"]["permissions"][0]["rules"].as_array().unwrap() {
        let verbs = rule["verbs"].as_array().unwrap();
        if ["create", "patch", "watch"].iter().all(|verb| verbs.iter().any(|it| it == verb)) {
            made.extend(rule["resources"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()));
        }
    }
    let known: BTreeSet<_> = csv::CHILDREN.iter().map(|(plural, ..)| (*plural).to_owned()).collect();
    assert_eq!(known, made);
    assert_eq!(owned(&csv)["resources"].as_array().unwrap().len(), csv::CHILDREN.len());
}

#[test]
fn every_platform_that_there_are_images_for_is_labelled() {
    let csv = csv::build(&sources()).unwrap();
    let label = |name: &str| (format!("operatorframework.io/{name}"), Value::from("supported"));
    let expected: Value = ["arch.amd64", "arch.arm64", "os.linux"].map(label).into_iter().collect();
    assert_eq!(csv["metadata"]["labels"], expected);
}

#[test]
fn every_image_is_named() {
    let sources = sources();
    let csv = csv::build(&sources).unwrap();
    let pod = &csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"];
    assert_eq!(pod.get("initContainers"), None);
    let images: Vec<_> = pod["containers"].as_array().unwrap().iter().map(|it| &it["image"]).collect();
    let related: Vec<_> = csv["spec"]["relatedImages"].as_array().unwrap().iter().map(|it| &it["image"]).collect();
    assert_eq!(related, images);
    assert_eq!(csv["metadata"]["annotations"]["containerImage"], *images[0]);
    let catalog = catalog::yaml(&sources, &csv).unwrap();
    let image = images[0].as_str().unwrap();
    let bundle = image.replace("beam-operator:", "beam-operator-bundle:");
    assert!(catalog.contains(&format!("image: {image}\n")) && catalog.contains(&format!("image: {bundle}\n")));
}

#[test]
fn templates_are_the_examples_by_names_of_their_own() {
    let csv = csv::build(&sources()).unwrap();
    let templates = csv["metadata"]["annotations"]["alm-examples"].as_str().unwrap();
    let templates: Vec<Value> = serde_json::from_str(templates).unwrap();
    let files = [("minimal", "shop"), ("stateful", "shop-stateful"), ("tls", "shop-tls")].map(|(file, name)| {
        let text = fs::read_to_string(root().join(format!("examples/{file}.yaml"))).unwrap();
        let mut release: Value = serde_yaml::from_str(&text).unwrap();
        release["metadata"]["name"] = name.into();
        release
    });
    assert_eq!(templates, files);
}

/// The user of the image is the one that the chart names: the pod that OLM starts has to be admitted without it.
#[test]
fn the_pod_leaves_its_user_to_the_image() {
    let csv = csv::build(&sources()).unwrap();
    let pod = &csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"], json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
    let recipe = fs::read_to_string(root().join("Dockerfile")).unwrap();
    assert!(recipe.contains("\nUSER 65532:65532\n"));
}

/// A file that nobody generates any more would be installed with the others.
#[test]
fn the_bundle_has_no_other_file() {
    let files = files(root(), &crd()).unwrap();
    let directory = "deploy/olm/bundle/manifests";
    let generated: BTreeSet<_> =
        files.iter().filter_map(|it| it.path.strip_prefix(directory)).map(|it| it[1..].to_owned()).collect();
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let found: BTreeSet<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, generated);
}

#[test]
fn what_is_beside_the_csv_has_neither_namespace_nor_traces_of_helm() {
    for (path, kind, name) in BESIDE_THE_CSV {
        let object = beside_the_csv(sources().object(kind, name).unwrap());
        assert_eq!(object["metadata"].get("namespace"), None, "{path}");
        assert!(!object.to_string().contains("elm"), "{object}");
    }
}

/// From any earlier version to this one, and to no other: a channel has one head.
#[test]
fn any_earlier_version_is_upgraded_to_this_one() {
    let sources = sources();
    let catalog = catalog::yaml(&sources, &csv::build(&sources).unwrap()).unwrap();
    assert!(catalog.contains(&format!("entries:\n- name: {}\n  skipRange: <{VERSION}\n", csv_name())), "{catalog}");
}
