//! Which time stands on an entry, when the machine's clock cannot be trusted.
//!
//! Order is the sequence in the journal and never a time. Times are for people, and for one decision:
//! after a restore everything accepted since the recovery point is offered again. So a wrong clock may
//! make an entry look later than it was (it is then offered once more, and the core says "already there"),
//! but it must not make it look earlier and be left out. Hence:
//!
//! - while the bridge runs, time goes at least as fast as the clock that cannot be set (monotonic);
//!   a clock set back is not followed;
//! - a clock that is set forward is followed, and the jump is recorded: entries before it may have shown
//!   too early a time, by up to the jump;
//! - a clock that at the start shows a time before the last entry is recorded as behind: until it has
//!   caught up, entries count as later than anything.
//!
//! What is left out: a clock that ran slow before a stop and was set right while the bridge was down
//! leaves no trace. Choose `since` early; offering too much again costs a little time and nothing else.

use super::fact::Fact;

/// Smaller steps are ordinary corrections of a clock that is kept in time over the network.
const JUMP_MS_MIN: i64 = 1_000;

/// Gives each entry its time.
#[derive(Debug)]
pub struct Clock {
    last_ms: i64,
    last_elapsed_ms: u64,
    /// `clock.behind` is recorded and `clock.caught_up` is not.
    behind: bool,
    fresh: bool,
}

/// A time for the next entry, and what must be recorded about the clock just before it.
#[derive(Debug, PartialEq, Eq)]
pub struct Stamp {
    pub time_ms: i64,
    pub noticed: Option<Fact>,
}

impl Clock {
    /// `last_ms`: the time on the newest entry; `behind`: the journal says the clock had not caught up.
    pub fn after(last_ms: i64, behind: bool, elapsed_ms: u64) -> Clock {
        Clock { last_ms, last_elapsed_ms: elapsed_ms, behind, fresh: true }
    }

    /// `wall_ms` may jump; `elapsed_ms` never goes back.
    pub fn stamp(&mut self, wall_ms: i64, elapsed_ms: u64) -> Stamp {
        let passed = i64::try_from(elapsed_ms.saturating_sub(self.last_elapsed_ms)).unwrap_or(i64::MAX);
        let at_least = self.last_ms.saturating_add(passed);
        let ahead = wall_ms.saturating_sub(at_least);
        // How long the bridge was down is not known, so the first entry after a start is no jump.
        let noticed = if ahead >= 0 && self.behind {
            self.behind = false;
            Some(Fact::ClockCaughtUp {})
        } else if ahead >= JUMP_MS_MIN && !self.fresh {
            Some(Fact::ClockJumped { ahead_ms: ahead.unsigned_abs() })
        } else if ahead < 0 && self.fresh && !self.behind {
            self.behind = true;
            Some(Fact::ClockBehind { behind_ms: ahead.unsigned_abs() })
        } else {
            None
        };
        self.fresh = false;
        self.last_ms = at_least.max(wall_ms);
        self.last_elapsed_ms = self.last_elapsed_ms.max(elapsed_ms);
        Stamp { time_ms: self.last_ms, noticed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_while_running_is_not_followed() {
        let mut clock = Clock::after(1_000, false, 0);
        assert_eq!(clock.stamp(5_000, 0), Stamp { time_ms: 5_000, noticed: None });
        assert_eq!(clock.stamp(5_100, 100), Stamp { time_ms: 5_100, noticed: None });
        assert_eq!(clock.stamp(1_000, 3_100), Stamp { time_ms: 8_100, noticed: None });
    }

    #[test]
    fn a_clock_set_forward_is_followed_and_recorded() {
        let mut clock = Clock::after(0, false, 0);
        clock.stamp(1_000, 0);
        let stamp = clock.stamp(61_000, 10_000);
        assert_eq!(stamp, Stamp { time_ms: 61_000, noticed: Some(Fact::ClockJumped { ahead_ms: 50_000 }) });
    }

    #[test]
    fn a_clock_behind_the_last_entry_at_the_start_is_in_doubt_until_it_catches_up() {
        let mut clock = Clock::after(10_000, false, 0);
        let first = clock.stamp(9_000, 0);
        assert_eq!(first, Stamp { time_ms: 10_000, noticed: Some(Fact::ClockBehind { behind_ms: 1_000 }) });
        assert_eq!(clock.stamp(9_500, 500), Stamp { time_ms: 10_500, noticed: None });
        let later = clock.stamp(20_000, 600);
        assert_eq!(later, Stamp { time_ms: 20_000, noticed: Some(Fact::ClockCaughtUp {}) });
    }

    proptest::proptest! {
        #[test]
        fn times_never_go_back_and_no_clock_makes_it_panic(last: i64, steps: Vec<(i64, u64)>) {
            let mut clock = Clock::after(last, false, 0);
            let mut before = last;
            for (wall, elapsed) in steps {
                let stamp = clock.stamp(wall, elapsed);
                assert!(stamp.time_ms >= before);
                before = stamp.time_ms;
            }
        }
    }
}
