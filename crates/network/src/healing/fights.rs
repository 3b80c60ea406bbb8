//! Whether to put back what others change, and what to tell people about it.
//!
//! Pure: a journal of fights; time is passed in. What is found damaged is put back at once, but not
//! endlessly: an opponent that goes on is left alone for ever longer, and named. What keeps closed what
//! has to be closed is put back however often.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use adit_model::{HealthCode, HealthItem, Severity};

use crate::{Slot, health};

/// What of a session others may change, each kind with opponents of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// The tunnel's interface: it is not there.
    Device,
    /// It is down, or has another MTU.
    Interface,
    /// Its addresses.
    Addresses,
    /// Policy rules.
    Rules,
    /// Routes.
    Routes,
    /// Settings below `/proc/sys`.
    KernelSettings,
    /// Which servers answer which names.
    NameResolution,
    /// The tables of the kernel's firewall.
    Firewall,
}

/// Who changed something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Opponent {
    /// Nobody knows.
    #[default]
    Unknown,
    /// A program that is running and manages the same things.
    Likely(String),
    /// The program that the kernel named.
    Known(String),
}

/// What to do about something that is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Put it back now.
    Restore,
    /// Leave it until then, and look again.
    Wait(Instant),
}

/// Everything that was put back lately.
#[derive(Debug, Default)]
pub(crate) struct Fights {
    fights: BTreeMap<(Option<Slot>, Part), Fight>,
}

#[derive(Debug)]
struct Fight {
    /// The last times it was put back, [`MOST_FIGHTS`] at most, and none long before the last.
    recent: Vec<Instant>,
    last: Instant,
    times: u32,
    opponent: Opponent,
    stance: Stance,
    truce: Option<Truce>,
}

/// What is done about an opponent that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    /// It has its way for a while.
    Yield,
    /// It never has: what it opens has to be closed.
    Hold,
}

/// A time in which the opponent has its way.
#[derive(Debug, Clone, Copy)]
struct Truce {
    until: Instant,
    length: Duration,
}

/// Who does something more often than this within [`WINDOW`] does it on purpose.
const MOST_FIGHTS: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
const FIRST_TRUCE: Duration = Duration::from_secs(5);
const LONGEST_TRUCE: Duration = Duration::from_secs(5 * 60);
/// Without a fight for this long the matter is over, and no longer shown.
const CALM: Duration = Duration::from_secs(10 * 60);

impl Fights {
    /// Takes note of a damage and decides about it. Without a slot it is of all sessions.
    pub(crate) fn damaged(
        &mut self,
        slot: Option<Slot>,
        part: Part,
        opponent: Opponent,
        now: Instant,
    ) -> Verdict {
        let fight = self.fight(slot, part, opponent, now);
        match fight.truce {
            Some(truce) if now < truce.until => Verdict::Wait(truce.until),
            Some(_) | None => {
                fight.fought(Stance::Yield, now);
                Verdict::Restore
            }
        }
    }

    /// Takes note of a damage that opens what has to be closed, and that is put back now however often
    /// that was.
    pub(crate) fn opened(
        &mut self,
        slot: Option<Slot>,
        part: Part,
        opponent: Opponent,
        now: Instant,
    ) {
        self.fight(slot, part, opponent, now).fought(Stance::Hold, now);
    }

    /// What to tell about a session at this moment.
    pub(crate) fn health(&mut self, slot: Slot, now: Instant) -> Vec<HealthItem> {
        self.forget_old(now);
        let own =
            self.fights.iter().filter(|((owner, _), _)| owner.is_none_or(|owner| owner == slot));
        own.map(|((_, part), fight)| fight.item(*part)).collect()
    }

    /// When what there is to tell changes if nothing happens.
    pub(crate) fn over_at(&self) -> Option<Instant> {
        self.fights.values().map(Fight::over_at).min()
    }

    /// The session has ended.
    pub(crate) fn forget(&mut self, slot: Slot) {
        self.fights.retain(|(owner, _), _| *owner != Some(slot));
    }

    fn fight(
        &mut self,
        slot: Option<Slot>,
        part: Part,
        opponent: Opponent,
        now: Instant,
    ) -> &mut Fight {
        self.forget_old(now);
        let fight = self.fights.entry((slot, part)).or_insert_with(|| Fight::new(now));
        fight.opponent.learn(opponent);
        fight
    }

    fn forget_old(&mut self, now: Instant) {
        self.fights.retain(|_, fight| now < fight.over_at());
    }
}

impl Fight {
    fn new(now: Instant) -> Self {
        Self {
            recent: Vec::new(),
            last: now,
            times: 0,
            opponent: Opponent::Unknown,
            stance: Stance::Yield,
            truce: None,
        }
    }

    fn fought(&mut self, stance: Stance, now: Instant) {
        self.recent.retain(|at| now < *at + WINDOW);
        if self.recent.len() == MOST_FIGHTS {
            self.recent.remove(0);
        }
        self.recent.push(now);
        self.last = now;
        self.times += 1;
        self.stance = stance;
        if stance == Stance::Hold {
            self.truce = None;
            return;
        }
        let length = match self.truce {
            // It came back as soon as the last truce was over.
            Some(truce) => (truce.length * 2).min(LONGEST_TRUCE),
            None if self.recent.len() >= MOST_FIGHTS => FIRST_TRUCE,
            None => return,
        };
        self.truce = Some(Truce { until: now + length, length });
    }

    fn over_at(&self) -> Instant {
        self.truce.map_or(self.last, |truce| truce.until) + CALM
    }

    fn is_contested(&self) -> bool {
        self.truce.is_some() || self.recent.len() >= MOST_FIGHTS
    }

    fn item(&self, part: Part) -> HealthItem {
        let Words { changed, contested, noun, was_changed, changing, put_back } = part.words();
        let times = match self.times {
            1 => "once".to_owned(),
            times => format!("{times} times"),
        };
        if !self.is_contested() {
            let item = HealthItem::new(
                changed,
                Severity::Notice,
                format!("{noun} {was_changed}"),
                format!("This happened {times}. {}", self.opponent.sentence()),
            );
            return self.opponent.told(item).with("times", &self.times);
        }
        let (lower, who) = (lower_case(noun), self.opponent.subject());
        let consequence = match self.stance {
            Stance::Yield => {
                "and now waits longer each time so as not to fight without end. Until then traffic \
                 may be refused or take the wrong way."
            }
            Stance::Hold => {
                "and does so at once each time. Until then traffic may leave that should be blocked."
            }
        };
        let item = health::item(
            contested,
            Severity::Problem,
            format!("{who} keeps {changing} {lower}"),
            format!("Adit has {put_back} {times}, {consequence} {}", self.opponent.sentence()),
            format!(
                "Keep {} from {changing} {lower}, or disconnect.",
                self.opponent.name().unwrap_or("the program that does it")
            ),
        );
        let yields = self.stance == Stance::Yield;
        self.opponent.told(item).with("times", &self.times).with("yields", &yields)
    }
}

impl Opponent {
    /// Better knowledge replaces worse.
    fn learn(&mut self, other: Self) {
        match (&self, &other) {
            (Self::Known(_) | Self::Likely(_), Self::Unknown)
            | (Self::Known(_), Self::Likely(_)) => {}
            (Self::Unknown, _) | (_, Self::Known(_)) | (Self::Likely(_), Self::Likely(_)) => {
                *self = other;
            }
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Unknown => None,
            Self::Likely(name) | Self::Known(name) => Some(name),
        }
    }

    fn subject(&self) -> &str {
        match self {
            Self::Unknown | Self::Likely(_) => "Somebody",
            Self::Known(name) => name,
        }
    }

    fn told(&self, item: HealthItem) -> HealthItem {
        match self {
            Self::Unknown => item,
            Self::Likely(name) => item.with("likely", name),
            Self::Known(name) => item.with("known", name),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Unknown => "Which program did it is not known.".into(),
            Self::Likely(name) => {
                format!("It was probably {name}, which is running and manages the same things.")
            }
            Self::Known(name) => format!("It was {name}."),
        }
    }
}

/// How a part is spoken of.
struct Words {
    changed: HealthCode,
    contested: HealthCode,
    noun: &'static str,
    was_changed: &'static str,
    changing: &'static str,
    put_back: &'static str,
}

impl Part {
    pub(crate) const ALL: [Self; 8] = [
        Self::Device,
        Self::Interface,
        Self::Addresses,
        Self::Rules,
        Self::Routes,
        Self::KernelSettings,
        Self::NameResolution,
        Self::Firewall,
    ];

    fn words(self) -> Words {
        use HealthCode as Code;
        let one = |changed, contested, noun| Words {
            changed,
            contested,
            noun,
            was_changed: "was changed by somebody else and put back",
            changing: "changing",
            put_back: "put it back",
        };
        let many = |changed, contested, noun| Words {
            was_changed: "were changed by somebody else and put back",
            put_back: "put them back",
            ..one(changed, contested, noun)
        };
        match self {
            Self::Device => Words {
                was_changed: "was deleted by somebody else and made anew",
                changing: "deleting",
                put_back: "made it anew",
                ..one(Code::ChangedDevice, Code::ContestedDevice, "The tunnel’s interface")
            },
            Self::Interface => {
                one(Code::ChangedInterface, Code::ContestedInterface, "The tunnel’s interface")
            }
            Self::Addresses => {
                many(Code::ChangedAddresses, Code::ContestedAddresses, "The tunnel’s addresses")
            }
            Self::Rules => {
                many(Code::ChangedRules, Code::ContestedRules, "The tunnel’s routing rules")
            }
            Self::Routes => many(Code::ChangedRoutes, Code::ContestedRoutes, "The tunnel’s routes"),
            Self::KernelSettings => {
                many(Code::ChangedSettings, Code::ContestedSettings, "The tunnel’s kernel settings")
            }
            Self::NameResolution => {
                one(Code::ChangedDns, Code::ContestedDns, "The system’s name resolution")
            }
            Self::Firewall => {
                many(Code::ChangedFirewall, Code::ContestedFirewall, "The firewall rules of Adit")
            }
        }
    }
}

fn lower_case(noun: &str) -> String {
    noun.replacen("The", "the", 1)
}
