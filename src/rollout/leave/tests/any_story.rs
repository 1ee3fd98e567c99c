//! Whatever happens, in any order: Kubernetes takes away no node for good that has not left, and in the end there are as many
//! as are asked for, none of them half gone.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::controller::view::WorkloadView;

/// Something that happens.
#[derive(Clone, Debug)]
enum Event {
    /// The release asks for so many nodes.
    Scale(i32),
    /// The operator looks, and is killed after so many moves.
    Look(usize),
    /// Every run of the command ends, well or not.
    End(bool),
    /// The operator starts anew and knows of no run any more.
    Restart,
    /// A pod is ready or not.
    Ready(prop::sample::Index, bool),
    /// The container of a pod is started again.
    Crash(prop::sample::Index),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => (1..6).prop_map(Event::Scale),
        6 => prop_oneof![3 => Just(99), 1 => 0..3usize].prop_map(Event::Look),
        3 => any::<bool>().prop_map(Event::End),
        1 => Just(Event::Restart),
        2 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(pod, is)| Event::Ready(pod, is)),
        1 => any::<prop::sample::Index>().prop_map(Event::Crash),
    ]
}

struct World {
    observed: Observed,
    clock: i64,
    made: usize,
}

impl World {
    fn new(is_by_ordinal: bool) -> Self {
        let observed = if is_by_ordinal { ordinals(3, &[]) } else { scaled(3, &[]) };
        let mut world = Self { observed, clock: 1, made: 0 };
        world.apply(3);
        world
    }

    fn is_by_ordinal(&self) -> bool {
        ChildKind::of_workload(&self.observed.release) == ChildKind::StatefulSet
    }

    fn tick(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    fn ask_for(&mut self, replicas: i32) {
        let mut release = (*self.observed.release).clone();
        release.spec.replicas = replicas;
        self.observed.release = release.into();
    }

    /// The workload is to have so many pods, and its controller makes it so at once.
    fn apply(&mut self, replicas: i32) {
        let size = usize::try_from(replicas).unwrap();
        if self.is_by_ordinal() {
            self.observed.pods.sort_by_key(|pod| pod.name.clone());
        } else {
            let cost = |pod: &PodView| if pod.is_leaving { -1 } else { 0 };
            // As a ReplicaSet ranks them, those that stay first.
            self.observed.pods.sort_by_key(|pod| Reverse((!pod.is_ready, Reverse(cost(pod)), pod.moved)));
            self.observed.pods.reverse();
        }
        for pod in self.observed.pods.split_off(size.min(self.observed.pods.len())) {
            assert!(has_left(&pod), "{pod:?} is taken away although its node has not left");
        }
        self.fill(size);
        let view = WorkloadView { wanted: replicas, ..complete(replicas, "shop-1") };
        let fixed = self.observed.children[0].workload().unwrap().fixed.clone();
        self.observed.children[0].detail =
            crate::controller::view::Detail::Workload(Box::new(WorkloadView { fixed, ..view }));
    }

    fn fill(&mut self, size: usize) {
        for ordinal in 0..size {
            if self.observed.pods.len() == size {
                break;
            }
            self.made += 1;
            let name = if self.is_by_ordinal() { format!("shop-{ordinal}") } else { format!("p{}", self.made) };
            if self.observed.pods.iter().any(|pod| *pod.name == *name) {
                continue;
            }
            let since = self.tick();
            let runs_in = Some(ChildKind::of_workload(&self.observed.release));
            self.observed.pods.push(PodView {
                runs_in,
                uid: format!("uid-{}", self.made).into(),
                ..node(&name, since)
            });
        }
    }

    fn pod(&mut self, uid: &str) -> &mut PodView {
        self.observed.pods.iter_mut().find(|pod| *pod.uid == *uid).unwrap()
    }

    fn look(&mut self, most: usize) {
        let now = at(self.tick() + 10_000);
        let wanted = self.observed.release.spec.replicas;
        let leaving = leaving(&self.observed, now);
        let size = self.observed.pods.len();
        if most > 0 {
            self.apply(leaving.as_ref().map_or(wanted, |leaving| leaving.replicas));
        }
        for step in leaving.iter().flat_map(|leaving| &leaving.moves).take(most.saturating_sub(1)) {
            self.tick();
            match step {
                Move::Mark(_, uid) => self.pod(uid).is_leaving = true,
                Move::Ask(_, uid) => {
                    self.observed.attempts.insert(uid.clone(), Attempt::Running);
                }
                Move::Note(_, uid, at) => self.pod(uid).left = Some(*at),
                Move::Replace(_, uid) => {
                    // One that the scale-down took is not there any more.
                    self.observed.pods.retain(|pod| pod.uid != *uid);
                    let size = size.min(usize::try_from(self.wanted()).unwrap());
                    self.fill(size);
                }
            }
        }
        let pods = &self.observed.pods;
        self.observed.attempts.retain(|uid, _| pods.iter().any(|pod| pod.uid == *uid));
    }

    fn wanted(&self) -> i32 {
        self.observed.children[0].workload().unwrap().wanted
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Scale(replicas) => self.ask_for(*replicas),
            Event::Look(most) => self.look(*most),
            Event::End(is_well) => {
                let now = at(self.tick());
                for attempt in self.observed.attempts.values_mut().filter(|attempt| **attempt == Attempt::Running) {
                    *attempt = if *is_well { Attempt::Left(now) } else { Attempt::failed("no".to_owned(), 0, now) };
                }
            }
            Event::Restart => self.observed.attempts.clear(),
            Event::Ready(pod, is_ready) => pod.get_mut(&mut self.observed.pods).is_ready = *is_ready,
            Event::Crash(pod) => {
                let now = at(self.tick());
                pod.get_mut(&mut self.observed.pods).started = Some(now);
            }
        }
    }
}

proptest! {
    #[test]
    fn no_node_is_taken_away_that_has_not_left(
        is_by_ordinal: bool,
        story in prop::collection::vec(event(), 0..40),
        last in 1..6,
    ) {
        let mut world = World::new(is_by_ordinal);
        for event in &story {
            world.happen(event);
        }
        world.ask_for(last);
        world.observed.pods.iter_mut().for_each(|pod| pod.is_ready = true);
        for _ in 0..40 {
            world.look(99);
            world.happen(&Event::End(true));
        }
        let half_gone: Vec<_> = world.observed.pods.iter().filter(|pod| is_marked(pod)).collect();
        prop_assert!(half_gone.is_empty(), "{half_gone:?}");
        prop_assert_eq!(i32::try_from(world.observed.pods.len()).unwrap(), last);
        prop_assert_eq!(leaving(&world.observed, at(1_000_000)), None);
    }
}
