//! BlueGreen: all nodes of the new revision are started beside those of the old one, traffic is switched to them in one
//! write, and the old ones go a while later, a few at a time.
//!
//! | what traffic goes to | what is done | then |
//! |---|---|---|
//! | all: another strategy was followed before | what ran completely last is noted as what traffic goes to | traffic goes to it alone |
//! | all: nothing ran completely yet | the nodes of the revision are started | to it, once all are available |
//! | another revision | the same; that of any third one goes | to it, once all are available and, with Manual, somebody asks for it |
//! | the revision | the nodes of others go after the delay | it is complete |
//!
//! Where traffic goes is noted on the record of the revision before the Service is written: whoever comes after an operator
//! that was killed in between switches it.

use jiff::{SignedDuration, Timestamp};

use super::rolling::leave;
use super::{Active, Carrier, Decision, Reply, Scene, promotable};
use crate::api::{BlueGreen, Promotion};
use crate::rollout::stage::Promoted;
use crate::time::whole_seconds;

pub(super) fn next(scene: &Scene, wishes: &BlueGreen) -> Decision {
    let is_made = scene.new.is_some() || !scene.is_paused;
    let decision = Decision {
        size: is_made.then_some(scene.wanted),
        others: scene.as_it_is(),
        active: scene.active.as_ref().map(|active| active.revision.clone()),
        stage: scene.stage.clone(),
        ..Decision::default()
    };
    if scene.wanted == 0 && !scene.is_paused {
        // Nobody is served, so that nothing can prove itself.
        return Decision { others: vec![0; scene.others.len()], ..decision };
    }
    match &scene.active {
        // That is noted first.
        Some(Active { stage: Some(_), .. }) => Decision { size: scene.new.as_ref().map(|new| new.wanted), ..decision },
        Some(active) if active.revision == scene.revision => {
            let delay = SignedDuration::from_secs(wishes.scale_down_delay_seconds.into());
            after_the_switch(scene, decision, active.since.checked_add(delay).unwrap_or(scene.now))
        }
        Some(active) => before_the_switch(scene, decision, &active.revision, wishes),
        None if scene.is_verified() && !scene.is_paused => promoted(scene, decision),
        None => decision,
    }
}

fn before_the_switch(scene: &Scene, mut decision: Decision, active: &str, wishes: &BlueGreen) -> Decision {
    let serves = |other: &Carrier| other.revision.as_deref() == Some(active);
    let size = |other: &Carrier| match serves(other) {
        true => scene.wanted,
        false if scene.is_paused => other.wanted,
        false => leave(scene, other),
    };
    decision.others = scene.others.iter().map(size).collect();
    if scene.is_paused || !scene.is_verified() {
        decision.reply = Reply::Later;
        return decision;
    }
    let is_wanted = scene.promotion.is_some();
    if wishes.promotion == Promotion::Automatic || scene.is_known || is_wanted {
        let reply = if is_wanted { Reply::Done } else { Reply::Pointless };
        return promoted(scene, Decision { reply, ..decision });
    }
    let state = format!("all nodes of {} are available, and traffic still goes to {active}", scene.revision);
    decision.hold = Some(promotable(scene, &state));
    decision
}

fn after_the_switch(scene: &Scene, mut decision: Decision, go_at: Timestamp) -> Decision {
    let is_due = scene.now >= go_at;
    // Whatever happens to the new ones in the meantime, the old ones are what can be gone back to.
    if is_due && scene.is_verified() && !scene.is_paused {
        decision.others = scene.others.iter().map(|other| leave(scene, other)).collect();
    }
    if !is_due && !scene.others.is_empty() {
        decision.message = format!("traffic goes to {}; the other nodes stay until {go_at}", scene.revision);
        decision.turn = Some(go_at);
    }
    decision
}

/// Traffic is to go to the revision from now on.
pub(super) fn promoted(scene: &Scene, mut decision: Decision) -> Decision {
    if let Some(new) = &scene.new {
        // Later than that of the other, whatever the clock does: the last one counts.
        let others = scene.active.as_ref().map_or(Timestamp::MIN, |active| active.since + SignedDuration::from_secs(1));
        decision.active = Some(scene.revision.clone());
        decision.stage.promoted = Some(Promoted { at: whole_seconds(scene.now).max(others), uid: new.uid.clone() });
    }
    decision
}
