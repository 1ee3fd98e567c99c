//! The file-based catalog: the package, its channel with the upgrade graph, and the newest bundle.
//!
//! An upgrade goes from any earlier version straight to the newest one (`skipRange`), so no older bundle has to be kept.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{CHANNEL, HEADER, NAME, Sources, VERSION, csv_name, skip_range};

/// What of a ClusterServiceVersion's spec a console reads from the catalog; what is to be installed stays in the bundle.
const SHOWN: [&str; 10] = [
    "description",
    "displayName",
    "installModes",
    "keywords",
    "links",
    "maintainers",
    "maturity",
    "minKubeVersion",
    "provider",
    "labels",
];

/// The catalog as a stream of YAML documents.
pub(super) fn yaml(sources: &Sources, csv: &Value) -> Result<String> {
    let blobs = [package(sources), channel(), bundle(sources, csv)?];
    let documents: Vec<_> = blobs.iter().map(serde_yaml::to_string).collect::<Result<_, _>>()?;
    // A comment is no document: opm refuses one that is empty.
    Ok(format!("{HEADER}{}", documents.join("---\n")))
}

fn package(sources: &Sources) -> Value {
    json!({
        "schema": "olm.package",
        "name": NAME,
        "defaultChannel": CHANNEL,
        "description": sources.description,
        "icon": sources.encoded_icon(),
    })
}

fn channel() -> Value {
    json!({
        "schema": "olm.channel",
        "package": NAME,
        "name": CHANNEL,
        "entries": [{"name": csv_name(), "skipRange": skip_range()}],
    })
}

fn bundle(sources: &Sources, csv: &Value) -> Result<Value> {
    let image = sources.bundle_image()?;
    let names = &sources.crd["spec"]["names"];
    let gvk = json!({
        "group": sources.crd["spec"]["group"],
        "kind": names["kind"],
        "version": sources.crd["spec"]["versions"][0]["name"],
    });
    Ok(json!({
        "schema": "olm.bundle",
        "package": NAME,
        "name": csv_name(),
        "image": image,
        "properties": [
            {"type": "olm.package", "value": {"packageName": NAME, "version": VERSION}},
            {"type": "olm.gvk", "value": gvk},
            {"type": "olm.csv.metadata", "value": shown(csv)},
        ],
        "relatedImages": [
            {"name": "", "image": image},
            {"name": NAME, "image": sources.image()?},
        ],
    }))
}

fn shown(csv: &Value) -> Value {
    let spec = csv["spec"].as_object().into_iter().flatten();
    let mut shown: Map<_, _> = spec.filter(|(key, _)| SHOWN.contains(&key.as_str())).map(clone).collect();
    shown.insert("annotations".to_owned(), csv["metadata"]["annotations"].clone());
    shown.insert("apiServiceDefinitions".to_owned(), json!({}));
    shown.insert("crdDescriptions".to_owned(), csv["spec"]["customresourcedefinitions"].clone());
    Value::Object(shown)
}

fn clone((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}
