//! An earlier version of the operator to upgrade from: the bundle and the catalog as they might have been, with a CRD that lacks a
//! field. The operator in it is the one of this checkout, since no other can be built here.

use anyhow::{Context, Result};
use serde_json::Value;

use super::VERSION;

/// Its version. It is earlier than any that was ever published.
pub(crate) const EARLIER: &str = "0.0.1";
/// The field of the spec that its CRD lacks.
const LACKS: &str = "disruptionBudget";

/// A file of `deploy/olm` as it was then.
pub(super) fn file(text: &str, operator: &str) -> Result<String> {
    let (repository, _) = operator.rsplit_once(':').context("the operator's image has no tag")?;
    // Everything but the operator's image is of its version.
    let text = text.replace(VERSION, EARLIER).replace(&format!("{repository}:{EARLIER}"), operator);
    if !text.contains("kind: CustomResourceDefinition") {
        return Ok(text);
    }
    let mut crd: Value = serde_yaml::from_str(&text)?;
    without_the_field(&mut crd).with_context(|| format!("the CRD has no field spec.{LACKS}"))?;
    Ok(serde_yaml::to_string(&crd)?)
}

fn without_the_field(crd: &mut Value) -> Option<Value> {
    let spec = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties")?;
    spec.as_object_mut()?.remove(LACKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATOR: &str = concat!("registry.example.com/beam-operator:", env!("CARGO_PKG_VERSION"));

    #[test]
    fn all_but_the_operator_is_of_the_earlier_version() {
        let text = format!("name: beam-operator.v{VERSION}\nimage: {OPERATOR}\nbundle: {OPERATOR}-bundle\n");
        let expected = format!("name: beam-operator.v{EARLIER}\nimage: {OPERATOR}\nbundle: {OPERATOR}-bundle\n");
        assert_eq!(file(&text, OPERATOR).unwrap(), expected);
        let bundle = format!("image: registry.example.com/beam-operator-bundle:{VERSION}");
        assert_eq!(file(&bundle, OPERATOR).unwrap(), bundle.replace(VERSION, EARLIER));
    }

    #[test]
    fn the_earlier_crd_lacks_a_field() {
        let crd = |fields: &str| {
            let schema = format!("{{openAPIV3Schema: {{properties: {{spec: {{properties: {fields}}}}}}}}}");
            format!("kind: CustomResourceDefinition\nspec: {{versions: [{{schema: {schema}}}]}}\n")
        };
        let parse = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
        let older = file(&crd("{image: {}, disruptionBudget: {}}"), OPERATOR).unwrap();
        assert_eq!(parse(&older), parse(&crd("{image: {}}")));
        assert!(file(&crd("{image: {}}"), OPERATOR).is_err());
    }
}
