//! Remembers which events were written lately, in bounded space.
//!
//! Two limits protect the API server, as in client-go's event correlator: a note is not repeated while the last one like it
//! is fresh, and one object may not write more than a burst of events followed by one a minute, whatever the notes say.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// How long a repeated note is held back. Events live for an hour, so a lasting problem stays visible.
const FRESH: Duration = Duration::from_mins(10);

/// Events that one object may write at once.
const BURST: u32 = 20;

/// After how long an object may write one more.
const REFILL: Duration = Duration::from_mins(1);

/// Objects that are remembered, about 200 bytes each. Beyond this the one that was silent for longest is forgotten.
const OBJECTS: usize = 2048;

/// Notes that are remembered of one object: more than the reasons that can alternate.
const NOTES: usize = 8;

/// What is to become of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Write,
    /// It says what was just said.
    Repeated,
    /// The object has written too many.
    TooMany,
}

/// What was written about every object. Texts are kept as hashes.
#[derive(Debug, Default)]
pub(super) struct Memory {
    hasher: RandomState,
    objects: HashMap<u64, Object>,
}

#[derive(Debug)]
struct Object {
    /// Hash of reason and note, and when it was written; the oldest first.
    notes: Vec<(u64, Instant)>,
    spent: u32,
    /// When `spent` was last brought up to date.
    counted: Instant,
    seen: Instant,
}

impl Memory {
    /// Decides about an event, and remembers it if it is written.
    pub(super) fn judge(&mut self, uid: &str, reason: &str, note: &str, now: Instant) -> Verdict {
        let object = self.hasher.hash_one(uid);
        let note = self.hasher.hash_one((reason, note));
        if self.objects.len() >= OBJECTS && !self.objects.contains_key(&object) {
            self.forget(now);
        }
        let object = self.objects.entry(object).or_insert_with(|| Object::new(now));
        object.seen = now;
        object.judge(note, now)
    }

    /// Forgets an event that could not be written after all, so that the next attempt is not taken for a repeat.
    pub(super) fn retract(&mut self, uid: &str, reason: &str, note: &str) {
        let note = self.hasher.hash_one((reason, note));
        if let Some(object) = self.objects.get_mut(&self.hasher.hash_one(uid)) {
            object.notes.retain(|(known, _)| *known != note);
        }
    }

    /// Makes room for one more object.
    fn forget(&mut self, now: Instant) {
        self.objects.retain(|_, object| now - object.seen < FRESH);
        if self.objects.len() < OBJECTS {
            return;
        }
        let silent = self.objects.iter().min_by_key(|(_, object)| object.seen).map(|(key, _)| *key);
        silent.and_then(|key| self.objects.remove(&key));
    }
}

impl Object {
    fn new(now: Instant) -> Self {
        Self { notes: Vec::with_capacity(1), spent: 0, counted: now, seen: now }
    }

    fn judge(&mut self, note: u64, now: Instant) -> Verdict {
        self.notes.retain(|(_, written)| now - *written < FRESH);
        if self.notes.iter().any(|(known, _)| *known == note) {
            return Verdict::Repeated;
        }
        self.refill(now);
        if self.spent >= BURST {
            return Verdict::TooMany;
        }
        self.spent += 1;
        if self.notes.len() >= NOTES {
            self.notes.remove(0);
        }
        self.notes.push((note, now));
        Verdict::Write
    }

    fn refill(&mut self, now: Instant) {
        let periods = (now - self.counted).as_secs() / REFILL.as_secs();
        let periods = u32::try_from(periods).unwrap_or(u32::MAX);
        self.spent = self.spent.saturating_sub(periods);
        self.counted = if self.spent == 0 { now } else { self.counted + REFILL * periods };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeat_waits_until_the_last_one_is_old() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        assert_eq!(memory.judge("a", "Failed", "no image", start), Verdict::Write);
        assert_eq!(memory.judge("a", "Failed", "no image", start + FRESH / 2), Verdict::Repeated);
        assert_eq!(memory.judge("a", "Failed", "no secret", start + FRESH / 2), Verdict::Write);
        assert_eq!(memory.judge("a", "Blocked", "no image", start + FRESH / 2), Verdict::Write);
        assert_eq!(memory.judge("b", "Failed", "no image", start + FRESH / 2), Verdict::Write);
        assert_eq!(memory.judge("a", "Failed", "no image", start + FRESH), Verdict::Write);
    }

    #[test]
    fn a_retracted_event_is_written_when_it_comes_again() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        memory.judge("a", "Failed", "no image", start);
        memory.retract("a", "Failed", "no image");
        assert_eq!(memory.judge("a", "Failed", "no image", start), Verdict::Write);
    }

    #[test]
    fn one_object_cannot_flood() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for count in 0..BURST {
            assert_eq!(memory.judge("a", "Failed", &count.to_string(), start), Verdict::Write);
        }
        assert_eq!(memory.judge("a", "Failed", "one more", start), Verdict::TooMany);
        assert_eq!(memory.judge("b", "Failed", "another object", start), Verdict::Write);
        assert_eq!(memory.judge("a", "Failed", "one more", start + REFILL), Verdict::Write);
        assert_eq!(memory.judge("a", "Failed", "and one", start + REFILL), Verdict::TooMany);
    }

    #[test]
    fn memory_is_bounded_and_drops_the_silent_first() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for count in 0..OBJECTS {
            memory.judge(&count.to_string(), "Failed", "x", start + Duration::from_millis(count as u64));
        }
        let later = start + Duration::from_secs(10);
        assert_eq!(memory.judge("0", "Failed", "x", later), Verdict::Repeated);
        memory.judge("new", "Failed", "x", later);
        assert_eq!(memory.objects.len(), OBJECTS);
        assert_eq!(memory.judge("0", "Failed", "x", later), Verdict::Repeated);
        assert_eq!(memory.judge("1", "Failed", "x", later), Verdict::Write);
    }

    #[test]
    fn notes_of_one_object_are_bounded() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        for count in 0..=NOTES {
            memory.judge("a", "Failed", &count.to_string(), start);
        }
        assert_eq!(memory.objects.values().next().unwrap().notes.len(), NOTES);
    }
}
