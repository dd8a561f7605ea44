//! Is enough known about an estate to act on it?
//!
//! A plan is only as good as the dependencies it knows. Where most services stand alone on paper, a restart finds
//! the missing ones by failing, one after the other. Looking and planning are always allowed; acting is not, above
//! a limit, unless somebody says so by name.

use super::check;
use super::model::Estate;

/// Highest share of services without any known dependency, in percent, with which a recovery is begun.
pub const SHARE_PERCENT_MAX: usize = 50;
/// Fewer services than this a person knows by heart.
pub const SERVICES_MIN: usize = 5;

/// Services of which nobody has written down a single dependency, among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignorance {
    pub alone: usize,
    pub services: usize,
}

impl Ignorance {
    pub fn of(estate: &Estate) -> Ignorance {
        let summary = check::summary(estate);
        Ignorance { alone: summary.without_edges, services: summary.services }
    }

    pub fn percent(self) -> usize {
        (self.alone * 100).checked_div(self.services).unwrap_or(0)
    }

    /// Too little is known to act on it.
    pub fn too_much(self) -> bool {
        self.services >= SERVICES_MIN && self.alone * 100 > self.services * SHARE_PERCENT_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_alone_is_too_much_unless_it_is_a_handful() {
        assert!(!Ignorance { alone: 4, services: 4 }.too_much());
        assert!(!Ignorance { alone: 5, services: 10 }.too_much());
        assert!(Ignorance { alone: 6, services: 10 }.too_much());
        assert!(!Ignorance { alone: 0, services: 0 }.too_much());
        assert_eq!(Ignorance { alone: 66, services: 68 }.percent(), 97);
    }
}
