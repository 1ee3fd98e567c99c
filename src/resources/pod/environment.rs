//! Our variables and the user's in one list.
//!
//! The user always wins: an entry of the same name replaces ours, and ours is left out where an object of `envFrom` has
//! the name as a key. Since `$(VAR)` sees only earlier entries, ours go first, but for entries of the user's that ours
//! refer to: those go before them, with what they refer to themselves. All else stays in the order that it was written
//! in. Names are unique in the result, as server-side apply demands of this list.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, EnvVar, EnvVarSource};

use super::expansion::{reference, variables};
use super::flags::Flags;
use super::literal;
use crate::resources::reference::{Contents, Reference, ReferenceKind};

/// The names that the container's `envFrom` defines, as far as the objects are known.
pub(super) fn inherited(container: &Container, contents: &Contents) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or("");
        let references = [
            source
                .config_map_ref
                .as_ref()
                .map(|object| Reference { kind: ReferenceKind::ConfigMap, name: object.name.clone() }),
            source
                .secret_ref
                .as_ref()
                .map(|object| Reference { kind: ReferenceKind::Secret, name: object.name.clone() }),
        ];
        let known = references.iter().flatten().filter_map(|reference| contents.get(reference));
        names.extend(known.flat_map(|content| content.keys.iter().map(|key| format!("{prefix}{key}"))));
    }
    names
}

/// Whether the user defines a variable, in `env` or by `envFrom`.
pub(super) fn defines(container: &Container, inherited: &BTreeSet<String>, name: &str) -> bool {
    inherited.contains(name) || container.env.iter().flatten().any(|variable| variable.name == name)
}

/// Joins flags of ours to a variable that may hold some of the user's: in the user's entry where there is one, else in
/// one of ours.
pub(super) fn join(
    flags: &Flags,
    ours: &mut Vec<EnvVar>,
    theirs: &mut Vec<EnvVar>,
    inherited: &BTreeSet<String>,
    contents: &Contents,
) {
    // An optional source that is absent defines nothing: `$(VAR)` would reach the VM as it stands.
    theirs.retain(|entry| entry.name != flags.variable || !is_absent(entry.value_from.as_ref(), contents));
    let Some(place) = theirs.iter().position(|entry| entry.name == flags.variable) else {
        let known = if inherited.contains(flags.variable) { reference(flags.variable) } else { String::new() };
        ours.push(literal(flags.variable, flags.with(&known)));
        return;
    };
    let entry = &theirs[place];
    if entry.value_from.is_none() {
        let text = flags.with(entry.value.as_deref().unwrap_or(""));
        theirs[place].value = Some(text);
        return;
    }
    let renamed = unused(&format!("BEAM_{}", flags.variable), theirs, inherited);
    let joined = literal(flags.variable, flags.with(&reference(&renamed)));
    theirs[place].name = renamed;
    theirs.insert(place + 1, joined);
}

impl Flags {
    fn with(&self, theirs: &str) -> String {
        let texts = [self.before.as_str(), theirs, self.behind.as_str()];
        texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// Whether a value comes from a key that is optional and does not exist.
pub(super) fn is_absent(source: Option<&EnvVarSource>, contents: &Contents) -> bool {
    let Some(source) = source else { return false };
    let (kind, name, key, optional) = match (&source.config_map_key_ref, &source.secret_key_ref) {
        (Some(from), _) => (ReferenceKind::ConfigMap, &from.name, &from.key, from.optional),
        (None, Some(from)) => (ReferenceKind::Secret, &from.name, &from.key, from.optional),
        (None, None) => return false,
    };
    let content = contents.get(&Reference { kind, name: name.clone() });
    optional == Some(true) && content.is_none_or(|content| !content.keys.contains(key))
}

fn unused(name: &str, theirs: &[EnvVar], inherited: &BTreeSet<String>) -> String {
    let mut name = name.to_owned();
    while inherited.contains(&name) || theirs.iter().any(|entry| entry.name == name) {
        name.push('_');
    }
    name
}

/// Ours and theirs in one list, each name once, in an order in which ours resolve.
pub(super) fn compose(mut ours: Vec<EnvVar>, theirs: Vec<EnvVar>, inherited: &BTreeSet<String>) -> Vec<EnvVar> {
    let written: BTreeSet<&str> = theirs.iter().map(|entry| entry.name.as_str()).collect();
    let is_wanted = |entry: &EnvVar| !inherited.contains(&entry.name) || holds_itself(entry);
    ours.retain(|entry| !written.contains(entry.name.as_str()) && is_wanted(entry));
    let own = ours.len();
    ours.extend(theirs);
    let mut order =
        Order { entries: &ours, own, placed: vec![false; ours.len()], sequence: Vec::with_capacity(ours.len()) };
    for index in 0..ours.len() {
        order.place(index);
    }
    order.sequence.into_iter().map(|index| ours[index].clone()).collect()
}

/// Whether an entry adds to the variable of its name that `envFrom` defines.
fn holds_itself(entry: &EnvVar) -> bool {
    variables(entry.value.as_deref().unwrap_or("")).contains(&entry.name.as_str())
}

/// The order of a list that has our entries first and the user's behind.
struct Order<'a> {
    entries: &'a [EnvVar],
    own: usize,
    placed: Vec<bool>,
    sequence: Vec<usize>,
}

impl Order<'_> {
    /// Places an entry behind those that it refers to.
    fn place(&mut self, index: usize) {
        if std::mem::replace(&mut self.placed[index], true) {
            return;
        }
        let entries = self.entries;
        for name in variables(entries[index].value.as_deref().unwrap_or("")) {
            let referred = entries.iter().position(|entry| entry.name == name);
            if let Some(referred) = referred.filter(|&referred| self.resolves(index, referred)) {
                self.place(referred);
            }
        }
        self.sequence.push(index);
    }

    /// Among the user's own entries the order says what a reference sees, and we keep it.
    fn resolves(&self, index: usize, referred: usize) -> bool {
        index < self.own || referred < self.own || referred < index
    }
}
