//! A release whose strategy decides, and all that happens to it.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::split::split;
use super::super::*;
use crate::controller::fixture::route::Route;
use crate::rollout::fleet::way::Trouble;

/// What a Deployment has, as Kubernetes sees it.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    uid: i64,
    pub(super) revision: usize,
    pub(super) wanted: i32,
    /// The number that its controller has seen.
    seen: i32,
    starting: i32,
    pub(super) available: i32,
    terminating: i32,
}

#[derive(Clone, Debug)]
pub(super) struct Story {
    spec: ElixirRelease,
    /// The revision that is asked for, and how often one was.
    pub(super) asked: usize,
    number: i64,
    pub(super) deployments: Vec<Deployment>,
    stages: BTreeMap<usize, Stage>,
    current: Option<usize>,
    /// Where the Service sends traffic; `None` for all.
    pub(super) traffic: Option<usize>,
    /// Where the Service for previews leads to, and the route, if there is one.
    preview: Option<usize>,
    pub(super) route: Option<Route>,
    is_hidden: bool,
    is_paused: bool,
    promotion: Option<String>,
    now: i64,
    /// Counts looks.
    clock: i64,
    /// The scale that was last reached while no switch of traffic was half done: what is promised of a larger one holds once
    /// that is reached.
    reached: i32,
}

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A controller sees what is wanted of it.
    See(usize),
    /// A pod becomes available.
    Start(usize),
    /// A pod that is being deleted is gone.
    End(usize),
    /// The operator looks, and is killed after so many writes.
    Look(usize),
    Ask(usize),
    Scale(i32),
    Pause(bool),
    Promote,
    Wait(i64),
    /// Somebody puts the route back to what it was.
    Reset,
    /// Somebody sets weights of it.
    Weigh([i32; 2]),
    /// It cannot be looked at.
    Hide(bool),
}

impl Deployment {
    fn carrier(&self) -> Carrier {
        let pods = self.starting + self.available;
        Carrier {
            uid: self.uid.to_string().into(),
            revision: Some(self.revision.to_string().into()),
            is_observed: self.seen == self.wanted,
            wanted: self.wanted,
            pods,
            updated: pods,
            available: self.available.min(self.wanted),
            terminating: usize::try_from(self.terminating).unwrap(),
        }
    }

    /// Makes and deletes pods, those first that are not available.
    fn see(&mut self) {
        self.seen = self.wanted;
        let missing = self.wanted - self.starting - self.available;
        self.starting += missing.max(0);
        let idle = (-missing).clamp(0, self.starting);
        self.starting -= idle;
        let busy = (-missing).max(0) - idle;
        self.available -= busy;
        self.terminating += idle + busy;
    }

    fn is_gone(&self) -> bool {
        self.wanted == 0 && self.seen == 0 && self.starting + self.available == 0
    }
}

impl Story {
    pub(super) fn of(strategy: &str) -> Self {
        let spec = fixture::release(&format!("{{replicas: 3, rollout: {strategy}}}"));
        let backends =
            [json!([{"name": "shop"}]), json!([{"name": "shop", "weight": 70}, {"name": "blog", "weight": 30}])];
        let route = spec.spec.rollout.route().map(|_| Route::of(&backends));
        let (deployments, stages) = (Vec::new(), BTreeMap::new());
        Self {
            spec,
            asked: 0,
            number: 1,
            deployments,
            stages,
            current: None,
            traffic: None,
            preview: None,
            route,
            is_hidden: false,
            is_paused: false,
            promotion: None,
            now: 0,
            clock: 0,
            reached: 0,
        }
    }

    pub(super) fn wanted(&self) -> i32 {
        self.spec.spec.replicas
    }

    fn is_blue_green(&self) -> bool {
        self.spec.spec.rollout.strategy == crate::api::Strategy::BlueGreen
    }

    /// Whether traffic goes to one revision, but for what a route sends elsewhere.
    pub(super) fn is_led(&self) -> bool {
        self.is_blue_green() || self.route.is_some()
    }

    fn way(&self) -> Option<Way> {
        let split = split(self.route.as_ref()?).map_err(Trouble::Told);
        let name = |revision: Option<usize>| revision.map(|revision| revision.to_string());
        Some(Way {
            route: "shop".to_owned(),
            split: if self.is_hidden { Err(Trouble::Unknown) } else { split },
            main: name(self.traffic),
            preview: name(self.preview),
        })
    }

    fn deployment(&mut self, revision: usize) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.revision == revision)
    }

    /// What ran completely last, if it can serve alone.
    fn adopted(&self) -> Option<Active> {
        let current = self.current?;
        let runs = self.deployments.iter().find(|it| it.revision == current)?;
        let can_serve = runs.seen == runs.wanted && runs.available >= self.wanted();
        (can_serve || self.deployments.len() == 1).then(|| {
            let promoted = Promoted { at: NOW, uid: runs.uid.to_string().into() };
            let noted = self.stages.get(&current).cloned().unwrap_or_default();
            let stage = Stage { promoted: Some(promoted), ..noted };
            Active { revision: current.to_string(), since: NOW, stage: Some(stage) }
        })
    }

    fn scene(&self) -> Scene {
        let lives = |uid: &str| self.deployments.iter().any(|it| it.uid.to_string() == *uid);
        let promoted = self.stages.iter().filter_map(|(revision, stage)| Some((*revision, stage.promoted.as_ref()?)));
        let last = promoted.filter(|(_, promoted)| lives(&promoted.uid)).max_by_key(|(_, promoted)| promoted.at);
        let last =
            last.map(|(revision, promoted)| Active { revision: revision.to_string(), since: promoted.at, stage: None });
        let active = last.or_else(|| self.adopted()).filter(|_| self.is_led());
        let (new, mut others): (Vec<_>, Vec<_>) =
            self.deployments.iter().partition(|deployment| deployment.revision == self.asked);
        others.sort_by_key(|it| {
            let is_active = active.as_ref().is_some_and(|active| active.revision == it.revision.to_string());
            (is_active, Some(it.revision) == self.current)
        });
        let wishes = &self.spec.spec.rollout;
        let [surge, unavailable] = [(&wishes.max_surge, true), (&wishes.max_unavailable, false)]
            .map(|(share, rounds_up)| scaled(share, self.wanted(), rounds_up));
        let stage = self.stages.get(&self.asked).filter(|stage| stage.number == self.number).cloned();
        Scene {
            name: "shop".to_owned(),
            wanted: self.wanted(),
            revision: self.asked.to_string(),
            new: new.first().map(|deployment| deployment.carrier()),
            others: others.into_iter().map(Deployment::carrier).collect(),
            active,
            way: self.way(),
            stage: stage.unwrap_or(Stage { number: self.number, ..Stage::default() }),
            is_known: self.current == Some(self.asked),
            unmet: None,
            is_paused: self.is_paused,
            promotion: self.promotion.clone(),
            surge,
            unavailable: if surge == 0 { unavailable.max(1) } else { unavailable },
            now: at(self.now),
        }
    }

    /// The operator looks once, and takes so many steps of what it decides, in the order of the plan.
    fn look(&mut self, mut steps: usize) {
        self.clock += 1;
        let scene = self.scene();
        let decision = next(&self.spec, &scene);
        let mut may_write = || {
            let may = steps > 0;
            steps = steps.saturating_sub(1);
            may
        };
        let asked = self.asked;
        let adopted = scene.active.clone().and_then(|active| Some((active.revision.parse().unwrap(), active.stage?)));
        let noted = (decision.stage != scene.stage).then_some((asked, decision.stage.clone()));
        if let Some((revision, stage)) = noted.or(adopted) {
            if !may_write() {
                return;
            }
            self.stages.insert(revision, stage);
        }
        match (decision.size, scene.size()) {
            (Some(size), has) if size != has || scene.new.is_none() => {
                if !may_write() {
                    return;
                }
                match self.deployment(asked) {
                    Some(deployment) => deployment.wanted = size,
                    None => self.deployments.push(Deployment {
                        uid: self.clock,
                        revision: asked,
                        wanted: size,
                        seen: -1,
                        starting: 0,
                        available: 0,
                        terminating: 0,
                    }),
                }
            }
            _ => {}
        }
        let active = decision.active.as_ref().map(|active| active.parse().unwrap());
        if self.traffic != active {
            if !may_write() {
                return;
            }
            self.traffic = active;
        }
        let preview = decision.preview.as_ref().map(|preview| preview.parse().unwrap());
        if self.preview != preview {
            if !may_write() {
                return;
            }
            self.preview = preview;
        }
        let weights = weights(&self.spec, &scene, decision.share);
        for (other, size) in scene.others.iter().zip(decision.others) {
            if other.wanted != size {
                if !may_write() {
                    return;
                }
                let revision = other.revision.as_deref().unwrap().parse().unwrap();
                self.deployment(revision).unwrap().wanted = size;
            }
        }
        self.deployments.retain(|deployment| deployment.revision == asked || !deployment.is_gone());
        if let Some((weights, route)) = weights.zip(self.route.as_mut()) {
            if !may_write() {
                return;
            }
            route.patch(weights.patch);
        }
        if scene.is_verified() && self.deployments.len() == 1 {
            self.current = Some(asked);
        }
        if decision.reply != Reply::Later {
            self.promotion = None;
        }
    }

    /// Available nodes that traffic goes to, as soon as every controller has seen what is wanted of it.
    fn served(&self) -> i32 {
        let mut deployments = self.deployments.clone();
        deployments.iter_mut().for_each(Deployment::see);
        let serving = deployments.iter().filter(|it| self.traffic.is_none_or(|active| it.revision == active));
        serving.map(|deployment| deployment.available).sum()
    }

    /// Available nodes of a revision, as soon as its controller has seen what is wanted of it.
    fn available(&self, revision: Option<usize>) -> i32 {
        let mut runs = self.deployments.iter().find(|it| Some(it.revision) == revision).cloned();
        runs.iter_mut().for_each(Deployment::see);
        runs.map_or(0, |runs| runs.available)
    }

    /// Whether the route sends requests to a side of one revision without nodes.
    fn loses_requests(&self) -> bool {
        let split = self.route.as_ref().and_then(|route| split(route).ok());
        split.is_some_and(|split| {
            let is_down = self.traffic.is_some() && self.available(self.traffic) == 0;
            split.to_main() > 0 && is_down || split.to_preview() > 0 && self.available(self.preview) == 0
        })
    }

    pub(super) fn happen(&mut self, event: &Event) {
        let count = self.deployments.len();
        match event {
            Event::See(index) if count > 0 => self.deployments[index % count].see(),
            Event::Start(index) if count > 0 => {
                let deployment = &mut self.deployments[index % count];
                let started = deployment.starting.min(1);
                deployment.starting -= started;
                deployment.available += started;
            }
            Event::End(index) if count > 0 => {
                let deployment = &mut self.deployments[index % count];
                deployment.terminating = (deployment.terminating - 1).max(0);
            }
            Event::See(_) | Event::Start(_) | Event::End(_) => {}
            Event::Look(steps) => self.look_and_judge(*steps),
            Event::Ask(revision) => {
                if self.asked != *revision {
                    self.asked = *revision;
                    self.number += 1;
                }
            }
            Event::Scale(wanted) => {
                self.spec.spec.replicas = *wanted;
                self.reached = self.reached.min(*wanted);
            }
            Event::Pause(is_paused) => self.is_paused = *is_paused,
            Event::Promote => self.promotion = Some(self.now.to_string()),
            Event::Wait(seconds) => self.now += seconds,
            Event::Reset => self.route.iter_mut().for_each(Route::reset),
            Event::Weigh(weights) => self.route.iter_mut().for_each(|route| route.weigh(weights)),
            Event::Hide(is_hidden) => self.is_hidden = *is_hidden,
        }
    }

    fn look_and_judge(&mut self, steps: usize) {
        let before = self.served();
        let lost = before == 0 || self.loses_requests();
        let scene = self.scene();
        let total = |story: &Self| story.deployments.iter().map(|it| it.wanted).sum::<i32>();
        let pods = total(self);
        self.look(steps);
        let promised = self.wanted() - scene.unavailable;
        let least = before.min(promised).min(self.reached - scene.unavailable);
        // Those that a route alone sends requests to are not counted among these.
        let is_split = self.route.is_some() && self.traffic.is_some();
        assert!(is_split || self.served() >= least, "{} of {least} are left: {self:?}", self.served());
        assert!(lost || self.wanted() == 0 || !self.loses_requests(), "requests are lost: {self:?}");
        let active = self.scene().active.map(|active| active.revision.parse().unwrap());
        if self.served() >= promised && self.traffic == active {
            self.reached = self.wanted();
        }
        if !self.is_blue_green() {
            let most = pods.max(self.wanted() + scene.surge);
            assert!(total(self) <= most, "{} pods, and {most} are allowed: {self:?}", total(self));
        }
    }

    /// For so many looks nothing disturbs, and somebody promotes what waits.
    pub(super) fn go_on(&mut self, looks: usize) {
        self.is_paused = false;
        self.is_hidden = false;
        for _ in 0..looks {
            for index in 0..self.deployments.len() {
                self.happen(&Event::See(index));
                for _ in 0..8 {
                    self.happen(&Event::Start(index));
                    self.happen(&Event::End(index));
                }
            }
            self.now += 15;
            self.promotion = Some(self.now.to_string());
            self.look_and_judge(usize::MAX);
        }
    }
}
