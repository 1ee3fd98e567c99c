//! Whatever happens, no migration is run again that has succeeded, and no revision runs before its own.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::resources::labels;

/// What can happen.
#[derive(Clone, Debug)]
enum Happens {
    /// The spec asks for this version.
    Asked(u32),
    /// A Job ends, well or not.
    Ended(Index, bool),
    /// A Job that has ended is deleted by somebody.
    Tidied(Index),
    /// The operator takes so many steps and is killed.
    Killed(usize),
    /// It comes to rest.
    Settled,
    /// Kubernetes has replaced the pods.
    RolledOut,
    /// Somebody asks for something.
    Requested(&'static str, u8),
    /// Rollouts are paused, or not any more.
    Paused(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        1 => (1..4_u32).prop_map(Happens::Asked),
        4 => (any::<Index>(), prop::bool::weighted(0.8)).prop_map(|(job, well)| Happens::Ended(job, well)),
        1 => any::<Index>().prop_map(Happens::Tidied),
        1 => (0..4_usize).prop_map(Happens::Killed),
        4 => Just(Happens::Settled),
        2 => Just(Happens::RolledOut),
        1 => (prop::sample::select(&[labels::RETRY, labels::RETRY, labels::UNDO, labels::ABORT][..]), 1..5_u8)
            .prop_map(|(verb, value)| Happens::Requested(verb, value)),
        1 => any::<bool>().prop_map(Happens::Paused),
    ]
}

/// A revision and a migration of it.
type Run = (String, String);

/// The world, and what a bystander remembers of it.
struct Story {
    world: World,
    succeeded: BTreeSet<Run>,
    seen: BTreeSet<String>,
    requests: usize,
}

const MIGRATIONS: &str = "[{name: first, eval: a}, {name: second, eval: b}, {name: last, eval: c, when: After}]";

impl Story {
    fn new() -> Self {
        let mut story =
            Self { world: World::default(), succeeded: BTreeSet::new(), seen: BTreeSet::new(), requests: 0 };
        story.happens(&Happens::Asked(1));
        story
    }

    fn happens(&mut self, what: &Happens) {
        let world = &mut self.world;
        match what {
            Happens::Asked(version) => {
                let annotations = world.releases.get("shop").and_then(|shop| shop.metadata.annotations.clone());
                world.store("shop", &format!("{{replicas: 2, image: 'shop:{version}', migrations: {MIGRATIONS}}}"));
                world.releases.get_mut("shop").unwrap().metadata.annotations = annotations;
            }
            Happens::Ended(which, well) => {
                let jobs = self.jobs(false);
                if jobs.is_empty() {
                    return;
                }
                let (name, run) = which.get(&jobs).clone();
                let type_ = if *well { "Complete" } else { "Failed" };
                let job = self.world.object_mut(ChildKind::Job, &name);
                job.theirs["status"] = json!({"conditions": [{"type": type_, "status": "True"}]});
                if *well {
                    self.succeeded.insert(run);
                }
            }
            Happens::Tidied(which) => {
                // Once the operator has seen how it ended.
                world.settle();
                let jobs = self.jobs(true);
                if !jobs.is_empty() {
                    self.world.objects.remove(&(ChildKind::Job, which.get(&jobs).0.clone()));
                }
            }
            Happens::Killed(steps) => {
                world.reconcile("shop", *steps);
                world.restart_operator();
            }
            Happens::Settled => world.settle(),
            Happens::RolledOut => world.roll_out_all(),
            Happens::Requested(verb, value) => {
                let annotations = world.releases.get_mut("shop").unwrap().annotations_mut();
                let value = if *verb == labels::UNDO { value.to_string() } else { self.requests.to_string() };
                annotations.insert((*verb).to_owned(), value);
                self.requests += 1;
            }
            Happens::Paused(is_paused) => {
                let annotations = world.releases.get_mut("shop").unwrap().annotations_mut();
                annotations.insert(labels::PAUSE.to_owned(), is_paused.to_string());
            }
        }
    }

    /// The Jobs that have ended, or those that have not, with what they run.
    fn jobs(&self, have_ended: bool) -> Vec<(String, Run)> {
        let jobs = self.world.names(ChildKind::Job).into_iter().map(|name| {
            let job = self.world.object(ChildKind::Job, name).unwrap().live(name);
            let label = |key| job.metadata.labels.as_ref().unwrap()[key].clone();
            let run = (label(labels::REVISION), label(labels::MIGRATION));
            (job.data["status"].is_object(), (name.to_owned(), run))
        });
        jobs.filter(|(has_ended, _)| *has_ended == have_ended).map(|(_, job)| job).collect()
    }

    fn check(&mut self) -> Result<(), TestCaseError> {
        for (name, run) in self.jobs(false) {
            if self.seen.insert(name) {
                prop_assert!(!self.succeeded.contains(&run), "{run:?} is run again");
            }
        }
        prop_assert!(self.jobs(false).len() <= 1, "one at a time: {:?}", self.jobs(false));
        if let Some(deployment) = self.world.object(ChildKind::Deployment, "shop") {
            let deployment = deployment.live("shop");
            let labels = &deployment.data["spec"]["template"]["metadata"]["labels"];
            let revision = labels[labels::REVISION].as_str().unwrap().to_owned();
            for migration in ["first", "second"] {
                let run = (revision.clone(), migration.to_owned());
                prop_assert!(self.succeeded.contains(&run), "{revision} runs without {migration}");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_succeeds_once_and_before_its_revision(story in prop::collection::vec(happens(), 1..30)) {
        let mut told = Story::new();
        for what in &story {
            told.happens(what);
            told.check()?;
        }
        told.world.settle();
        told.check()?;
    }
}
