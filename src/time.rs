//! What more than one place does with times: whole seconds, as Kubernetes stores them, and chance, so that not all of many
//! do the same at the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;

/// Kubernetes stores times in whole seconds; a fraction would make what is stored differ from what was meant.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// A number between 0 and 1, by chance.
#[must_use]
pub fn chance() -> f64 {
    // `RandomState` draws new keys for each instance, which is all the chance that is needed here.
    f64::from(u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

/// Up to a quarter longer, by chance.
#[must_use]
pub fn jittered(pause: Duration) -> Duration {
    pause + (pause / 4).mul_f64(chance())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_never_shortens_a_pause_and_adds_a_quarter_at_most() {
        let pause = Duration::from_mins(5);
        for _ in 0..100 {
            let longer = jittered(pause);
            assert!(longer >= pause && longer <= pause + pause / 4);
        }
    }

    #[test]
    fn chance_is_not_always_the_same() {
        assert!((0..100).any(|_| chance() < 0.5) && (0..100).any(|_| chance() > 0.5));
    }
}
