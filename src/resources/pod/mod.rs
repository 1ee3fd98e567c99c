//! The pod template of a release: what each of its nodes is.
//!
//! It is made in three steps, because validation and the revision each need one that the next completes:
//! 1. [`draft`] is what the user asked for: the fields of the spec with `podTemplate` merged over them. All that can be
//!    wrong with them is found here.
//! 2. [`template`] adds what the operator knows: identity, cluster and VM flags as environment variables, and places to
//!    write to. It takes the keys of the objects that [`references`] names, for the user's variables win over ours
//!    wherever they come from.
//! 3. [`stamp`] adds the revision, which is computed from the template and so cannot be part of it.
//!
//! | file | subject |
//! |---|---|
//! | `skeleton` | the pod of the spec alone |
//! | `pre_stop` | what happens before a node is told to stop |
//! | `call` | how people's own commands are run in the pod, before that or before it goes for good |
//! | `draft` | `podTemplate` merged over it, and what must hold afterwards |
//! | `identity` | the variables that the operator sets |
//! | `flags` | the flags of the virtual machine |
//! | `scope` | what a template says of the revision that it does not know yet |
//! | `scratch` | volumes: a directory to write to, arguments for remote shells |
//! | `tls` | a volume with the certificate of the node and the options of TLS |
//! | `environment` | ours and the user's variables in one list, in an order that resolves |
//! | `expansion` | the kubelet's `$(VAR)` |
//! | `references` | ConfigMaps and Secrets that the pod reads |
//! | `canonical` | values as the API server stores them |
//! | `quantity` | amounts as the API server spells them |
//! | `undefined` | variables that are referred to and defined nowhere |
//! | `origin` | where in the resource a part of the pod was written |

mod call;
mod canonical;
mod draft;
mod environment;
mod expansion;
mod flags;
mod identity;
mod origin;
mod pre_stop;
mod quantity;
mod references;
mod scope;
mod scratch;
mod skeleton;
mod tls;
mod undefined;

use k8s_openapi::api::core::v1::{Container, EnvVar, PodTemplateSpec};

pub use call::leave;
pub(super) use canonical::amount as canonical_amount;
pub use draft::{Draft, draft};
pub use origin::container as path_of_container;
pub use pre_stop::pre_stop_seconds;
pub use quantity::bytes;
pub use references::references;
pub(super) use scope::name_cookie;
pub use scope::{is_apart, revision_is_set};
pub use undefined::undefined_variables;

use super::{Facts, labels, names, reference::Contents};
use crate::api::{ElixirRelease, ReleaseTool};

/// The pod template of a release, but for the revision. `contents` holds the objects that [`references`] names.
#[must_use]
pub fn template(release: &ElixirRelease, draft: &Draft, facts: &Facts, contents: &Contents) -> PodTemplateSpec {
    let mut draft = draft.clone();
    let identity = identity::of_node(release, facts);
    for container in draft.others_mut() {
        let public = identity.iter().filter(|variable| variable.name != identity::COOKIE).cloned();
        let theirs = container.env.take().unwrap_or_default();
        container.env =
            some(environment::compose(public.collect(), theirs, &environment::inherited(container, contents)));
    }

    let inherited = environment::inherited(&draft.container, contents);
    let mut ours = identity;
    let tls = tls::mount(release, &mut draft);
    ours.extend(tls.iter().flat_map(|files| files.variables(release)));
    if release.spec.release.tool != ReleaseTool::None {
        let taken = environment::defines(&draft.container, &inherited, identity::REMOTE_VM_ARGS);
        let scratch = scratch::mount(release, &mut draft, !taken);
        ours.extend(identity::of_tool(release, &scratch));
    }
    let mut theirs = draft.container.env.take().unwrap_or_default();
    for flags in flags::of(release, &draft, &theirs, tls.as_ref()) {
        environment::join(&flags, &mut ours, &mut theirs, &inherited, contents);
    }
    draft.container.env = some(environment::compose(ours, theirs, &inherited));
    scope::mark(release, &mut draft.metadata);
    canonical::complete(draft.into_template())
}

/// The template as a template of a revision.
#[must_use]
pub fn stamp(mut template: PodTemplateSpec, revision: &str) -> PodTemplateSpec {
    let metadata = template.metadata.get_or_insert_default();
    metadata.labels.get_or_insert_default().insert(labels::REVISION.to_owned(), revision.to_owned());
    scope::name_cookie(&mut template, &names::revision_cookie(revision));
    template
}

/// An entry with a fixed value, in which `$(VAR)` is expanded.
fn literal(name: &str, value: impl Into<String>) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.into()), value_from: None }
}

/// Nothing is written as an absent list: that is how the API server stores it.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The lists that hold containers, with their field names in a PodSpec.
const CONTAINERS: &str = "containers";
const INIT_CONTAINERS: &str = "initContainers";

/// Every container of a template with the name of its list.
fn containers(template: &PodTemplateSpec) -> impl Iterator<Item = (&'static str, &Container)> {
    template.spec.iter().flat_map(|pod| {
        let init = pod.init_containers.iter().flatten().map(|container| (INIT_CONTAINERS, container));
        init.chain(pod.containers.iter().map(|container| (CONTAINERS, container)))
    })
}

#[cfg(test)]
mod tests;
