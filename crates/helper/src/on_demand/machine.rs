//! What is to be done for a configuration that connects by itself.
//!
//! Pure: whoever runs it tells what happens and at what time, and makes true what it wishes.

mod failures;
mod pause;
#[cfg(test)]
mod tests;

use adit_model::{
    Enablement, SessionStatus, StartCause, VpnConfiguration,
    on_demand::{
        CurrentRule, EvaluateConnectionRule, NetworkState, Obstacle, OnDemandAction,
        OnDemandStatus, PauseEnd,
    },
};
use jiff::Timestamp;

use self::failures::Failures;
pub(super) use self::pause::Pause;

/// On demand of one configuration.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    /// The configuration may start, and its rules count.
    is_armed: bool,
    /// Whoever it belongs to is there; else its rules do not count (TN34-10).
    is_attended: bool,
    /// Nobody but an administrator ends or holds off what the rules want (ODP-2).
    is_locked: bool,
    network: NetworkState,
    /// What was found out last.
    current: Current,
    /// Since then the network or the rules have changed.
    is_stale: bool,
    pause: Option<Pause>,
    failures: Failures,
    /// Why the last start was refused, until one may succeed.
    refusal: Option<Obstacle>,
    session: Running,
    /// A rule that disconnects has become the current one, and the session it found is not down yet.
    ends: bool,
    /// The session has ended in order and by itself: only what wants the network begins another.
    rests: bool,
    /// What wanted the network last, until a session comes of it.
    wanted: Option<String>,
}

/// What is to be true now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// All as it is: which rule is the current one is being found out.
    Keep,
    /// Nothing is waited for.
    Nothing,
    /// Something that wants the network is waited for.
    Wait(Demand),
    /// The session is down.
    Down,
    /// The session is up.
    Up(StartCause),
}

/// What to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Demand {
    /// Any program that sends something to where the tunnel leads. Spec OD-3.
    Traffic,
    /// Who looks up certain names. Spec OD-6.
    Names(Vec<EvaluateConnectionRule>),
    /// Nobody: until a start that failed may be tried again, everybody is refused. Spec OD-25.
    Nobody,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Current {
    /// Nothing was found out yet.
    Unknown,
    /// No rule matches: all stays as it is (OD-13).
    None,
    Rule(CurrentRule, OnDemandAction),
}

/// A session as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Running {
    Down,
    ByHand,
    OnDemand,
}

impl Machine {
    pub(super) fn new(
        configuration: &VpnConfiguration,
        pause: Option<Pause>,
        session: &SessionStatus,
    ) -> Self {
        Self {
            is_armed: is_armed(configuration),
            is_attended: true,
            is_locked: configuration.on_demand.user_override_disabled,
            network: NetworkState::default(),
            current: Current::Unknown,
            is_stale: true,
            pause,
            failures: Failures::default(),
            refusal: None,
            session: Running::of(session),
            ends: false,
            rests: false,
            wanted: None,
        }
    }

    /// What is to be true at this moment.
    pub(super) fn wish(&self, now: Timestamp) -> Wish {
        if !self.is_on() || self.pause.is_some() {
            return Wish::Nothing;
        }
        if self.is_stale {
            return Wish::Keep;
        }
        let is_up = self.session != Running::Down;
        let Current::Rule(rule, action) = &self.current else { return Wish::Nothing };
        let demand = match action {
            OnDemandAction::Disconnect if is_up && self.ends => return Wish::Down,
            OnDemandAction::Disconnect | OnDemandAction::Ignore => return Wish::Nothing,
            OnDemandAction::Connect { .. } => Demand::Traffic,
            OnDemandAction::EvaluateConnection(rules) => Demand::Names(rules.clone()),
        };
        if is_up || self.network.primary.is_none() {
            return Wish::Nothing;
        }
        let is_eager = matches!(action, OnDemandAction::Connect { eager: true });
        if self.failures.retry_at(now).is_some() {
            // Whoever was waited for waits, and whoever was not is left alone.
            return if is_eager || demand != Demand::Traffic {
                Wish::Nothing
            } else {
                Wish::Wait(Demand::Nobody)
            };
        }
        let reason = match &self.wanted {
            Some(wanted) => format!("{wanted} {}", rule.reason),
            None if is_eager && !self.rests => {
                format!("rule {} matches {}", rule.index + 1, rule.reason)
            }
            None => return Wish::Wait(demand),
        };
        Wish::Up(StartCause::OnDemand { rule: rule.index, reason })
    }

    /// When to ask again what is wished, if nothing happens.
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        let pause = self.pause.as_ref().and_then(Pause::at);
        if pause.is_some() { pause } else { self.failures.retry_at(now) }
    }

    /// What viewers are shown.
    pub(super) fn status(&self, now: Timestamp) -> Option<OnDemandStatus> {
        if !self.is_on() {
            return None;
        }
        if let Some(pause) = &self.pause {
            return Some(OnDemandStatus::Paused { end: pause.end });
        }
        let rule = match &self.current {
            Current::Rule(rule, _) => Some(rule.clone()),
            Current::Unknown | Current::None => None,
        };
        let retry_at = self.failures.retry_at(now).filter(|_| self.session == Running::Down);
        Some(OnDemandStatus::Armed { rule, retry_at, obstacle: self.obstacle() })
    }

    fn obstacle(&self) -> Option<Obstacle> {
        if self.session != Running::Down || !self.current.connects() {
            return None;
        }
        if self.network.primary.is_none() && !self.is_stale {
            return Some(Obstacle::Offline);
        }
        self.refusal.clone()
    }

    pub(super) fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    /// Whether rules count at all.
    pub(super) fn is_on(&self) -> bool {
        self.is_armed && self.is_attended
    }

    /// Whether the session that runs was begun by a rule.
    pub(super) fn runs_on_demand(&self) -> bool {
        self.session == Running::OnDemand
    }

    /// Whether it has to be found out which rule is the current one.
    pub(super) fn needs_judgement(&self) -> bool {
        self.is_on() && self.pause.is_none() && self.is_stale
    }

    /// The time may have made another rule the current one.
    pub(super) fn outdated(&mut self) {
        self.is_stale = true;
    }

    /// The configuration was saved. Who switches on demand off ends a pause too.
    pub(super) fn configured(&mut self, configuration: &VpnConfiguration) {
        let was_armed = std::mem::replace(&mut self.is_armed, is_armed(configuration));
        self.is_locked = configuration.on_demand.user_override_disabled;
        self.is_stale = true;
        self.forget_failures();
        self.rests = false;
        if !was_armed {
            self.current = Current::None;
        }
        if !self.is_armed || self.is_locked {
            self.pause = None;
        }
    }

    /// Whoever it belongs to has come or gone. Who comes back finds the rules as they were.
    pub(super) fn attended(&mut self, is_attended: bool) {
        if !std::mem::replace(&mut self.is_attended, is_attended) && is_attended {
            self.is_stale = true;
            self.failures.forget();
            self.rests = false;
        }
    }

    /// The network is another one.
    pub(super) fn moved(&mut self, network: NetworkState) {
        if network.generation == self.network.generation {
            return;
        }
        self.is_stale = true;
        self.forget_failures();
        if self.pause.as_ref().is_some_and(|pause| pause.ends_in(&network)) {
            self.pause = None;
        }
        if network.primary != self.network.primary {
            self.rests = false;
            self.wanted = None;
        }
        self.network = network;
    }

    /// Which rule is the current one was found out.
    pub(super) fn judged(&mut self, verdict: Option<(CurrentRule, OnDemandAction)>) {
        let latest = verdict.map_or(Current::None, |(rule, action)| Current::Rule(rule, action));
        self.ends = match (&self.current, &latest) {
            // A session that somebody begins while such a rule is the current one is theirs (OD-4).
            (before, latest) if before.disconnects() && latest.disconnects() => self.ends,
            // So is one that was there before this process.
            (Current::Unknown, latest) => latest.disconnects() && self.session == Running::OnDemand,
            (_, latest) => latest.disconnects(),
        };
        self.current = latest;
        self.is_stale = false;
    }

    /// Something wants the network, in words that come before where.
    pub(super) fn wanted(&mut self, what: String) {
        self.wanted = Some(what);
    }

    /// The session changed.
    pub(super) fn session_changed(&mut self, session: &SessionStatus, now: Timestamp) {
        let before = std::mem::replace(&mut self.session, Running::of(session));
        if self.session != Running::Down {
            self.wanted = None;
            self.refusal = None;
            self.rests = false;
            return;
        }
        if before == Running::Down {
            return;
        }
        self.ends = false;
        if session.last_error.is_some() {
            self.failures.add(now);
        } else {
            self.rests = true;
        }
    }

    /// A start was refused.
    pub(super) fn refused(&mut self, why: Obstacle, now: Timestamp) {
        self.failures.add(now);
        self.refusal = Some(why);
    }

    /// Whether a start was refused and none has succeeded since.
    pub(super) fn is_refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// What another tunnel had in the way is free.
    pub(super) fn room_was_made(&mut self) {
        self.forget_failures();
    }

    /// A person ended the session.
    pub(super) fn stopped_by_hand(&mut self, boot: &str) {
        self.wanted = None;
        if self.is_armed && !self.is_locked {
            self.hold_off(PauseEnd::ByHand, boot);
        }
    }

    /// A person began a session.
    pub(super) fn started_by_hand(&mut self) {
        self.ends = false;
        self.resume();
    }

    /// A person holds the rules off.
    pub(super) fn hold_off(&mut self, end: PauseEnd, boot: &str) {
        self.pause = Some(Pause::new(end, &self.network, boot));
        self.wanted = None;
    }

    /// The rules count again.
    pub(super) fn resume(&mut self) {
        self.pause = None;
        self.forget_failures();
        self.rests = false;
    }

    /// A start that failed for want of secrets may be tried at once.
    pub(super) fn owner_came(&mut self) {
        self.forget_failures();
    }

    fn forget_failures(&mut self) {
        self.failures.forget();
        self.refusal = None;
    }

    /// Time has passed.
    pub(super) fn waited(&mut self, now: Timestamp) {
        let is_over = |pause: &Pause| pause.at().is_some_and(|at| at <= now);
        if self.pause.as_ref().is_some_and(is_over) {
            self.resume();
        }
    }
}

impl Current {
    fn disconnects(&self) -> bool {
        matches!(self, Self::Rule(_, OnDemandAction::Disconnect))
    }

    fn connects(&self) -> bool {
        match self {
            Self::Rule(
                _,
                OnDemandAction::Connect { .. } | OnDemandAction::EvaluateConnection(_),
            ) => true,
            Self::Rule(_, OnDemandAction::Disconnect | OnDemandAction::Ignore)
            | Self::Unknown
            | Self::None => false,
        }
    }
}

/// Spec OD-23.
fn is_armed(configuration: &VpnConfiguration) -> bool {
    configuration.enablement == Enablement::Enabled && configuration.on_demand.enabled
}

impl Running {
    fn of(session: &SessionStatus) -> Self {
        if !session.status.is_active() {
            return Self::Down;
        }
        match session.start_cause {
            Some(StartCause::OnDemand { .. }) => Self::OnDemand,
            Some(StartCause::User { .. }) | None => Self::ByHand,
        }
    }
}
