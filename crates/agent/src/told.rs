//! What has been told, so that nothing is told twice, nothing stays that is no longer true, and a tunnel that comes and goes
//! does not shout. The time is passed in.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use adit_api::Entry;
use adit_model::ConfigurationId;

use crate::notification::Notice;

/// About one configuration, no more than this many are shown within [`WINDOW`]. What comes on top is shown when it is over, if it
/// is still true.
const MOST: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);

/// What was told of each configuration.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeMap<ConfigurationId, Account>);

#[derive(Debug, Default)]
struct Account {
    /// Told and still true. The user may have closed it by now.
    last: Option<Notice>,
    /// When something was shown, at most `MOST`.
    times: VecDeque<Instant>,
    /// To be told later.
    later: Option<Notice>,
}

impl Told {
    /// Whether to show a notice now. One that is not shown may become due later.
    pub(crate) fn tell(&mut self, notice: &Notice, now: Instant) -> bool {
        let account = self.0.entry(notice.about).or_default();
        if account.last.as_ref() == Some(notice) {
            account.later = None;
            return false;
        }
        if account.free_at().is_some_and(|moment| now < moment) {
            account.later = Some(notice.clone());
            return false;
        }
        account.show(notice.clone(), now);
        true
    }

    /// Forgets what is not true any more, and says what has to disappear.
    pub(crate) fn check(
        &mut self,
        entries: &BTreeMap<ConfigurationId, Entry>,
    ) -> BTreeSet<ConfigurationId> {
        let mut untrue = BTreeSet::new();
        for (id, account) in &mut self.0 {
            let is_true = |notice: &mut Notice| {
                entries.get(id).is_some_and(|entry| notice.says.is_true(entry))
            };
            account.later.take_if(|notice| !is_true(notice));
            if account.last.take_if(|notice| !is_true(notice)).is_some() {
                untrue.insert(*id);
            }
        }
        self.0.retain(|id, _| entries.contains_key(id));
        untrue
    }

    /// The user acts, so what was told is known, and what follows is news again.
    pub(crate) fn forget(&mut self, id: ConfigurationId) {
        if let Some(account) = self.0.get_mut(&id) {
            (account.last, account.later) = (None, None);
        }
    }

    /// When something is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        let waiting = self.0.values().filter(|account| account.later.is_some());
        waiting.filter_map(Account::free_at).min()
    }

    /// What is due.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Notice> {
        let free = |account: &&mut Account| account.free_at().is_none_or(|moment| moment <= now);
        let free = self.0.values_mut().filter(free);
        let due = free.filter_map(|account| {
            let notice = account.later.take()?;
            account.show(notice.clone(), now);
            Some(notice)
        });
        due.collect()
    }
}

impl Account {
    /// When the next one may be shown; `None` if that is already so.
    fn free_at(&self) -> Option<Instant> {
        let first = self.times.front().filter(|_| self.times.len() == MOST)?;
        Some(*first + WINDOW)
    }

    fn show(&mut self, notice: Notice, now: Instant) {
        if self.times.len() == MOST {
            self.times.pop_front();
        }
        self.times.push_back(now);
        (self.last, self.later) = (Some(notice), None);
    }
}

#[cfg(test)]
mod tests {
    use adit_model::{SessionStatus, TunnelProviderProtocol, VpnConfiguration, VpnStatus};

    use super::*;
    use crate::notification::Says;

    #[test]
    fn a_tunnel_that_comes_and_goes_is_told_three_times_a_minute_and_then_how_it_ended() {
        let mut told = Told::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(told.tell(&connected(), at(0)));
        assert!(told.tell(&down(), at(1)));
        assert!(told.tell(&connected(), at(2)));
        assert_eq!(told.next(), None, "nothing waits");
        assert!(!told.tell(&down(), at(3)));
        assert!(told.check(&session(VpnStatus::Disconnected)).contains(&id()));
        assert_eq!((told.next(), told.due(at(59))), (Some(at(60)), vec![]));
        assert_eq!(told.due(at(60)), [down()]);
        assert_eq!(told.next(), None);

        // What is not true any more when its time comes is not told.
        assert!(!told.tell(&connected(), at(60)));
        told.check(&session(VpnStatus::Disconnected));
        assert_eq!((told.next(), told.due(at(200))), (None, vec![]));
        assert!(told.tell(&connected(), at(200)), "it has been calm");
    }

    #[test]
    fn what_is_still_true_is_not_told_again_until_the_user_acts() {
        let mut told = Told::default();
        let now = Instant::now();
        assert!(told.tell(&down(), now));
        // On demand tries again and again.
        assert_eq!(told.check(&session(VpnStatus::Connecting)), BTreeSet::new());
        assert!(!told.tell(&down(), now));
        told.forget(id());
        assert!(told.tell(&down(), now));
        assert!(told.check(&session(VpnStatus::Connected)).contains(&id()));
        assert!(told.tell(&down(), now), "it was up meanwhile");
    }

    #[test]
    fn what_is_removed_is_not_spoken_of() {
        let mut told = Told::default();
        assert!(told.tell(&down(), Instant::now()));
        assert!(told.check(&BTreeMap::new()).contains(&id()));
        assert!(told.0.is_empty());
    }

    fn id() -> ConfigurationId {
        ConfigurationId::from_random([1; 16])
    }

    fn connected() -> Notice {
        notice("connected", Says::Connected)
    }

    fn down() -> Notice {
        notice("disconnected", Says::Down { is_blocking: false })
    }

    fn notice(title: &str, says: Says) -> Notice {
        let (title, text) = (title.into(), String::new());
        Notice { about: id(), title, text, is_urgent: false, answers: vec![], says }
    }

    fn session(status: VpnStatus) -> BTreeMap<ConfigurationId, Entry> {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let configuration = VpnConfiguration::new(id(), "home", protocol);
        let session = SessionStatus { status, ..SessionStatus::new(id()) };
        BTreeMap::from([(id(), Entry { configuration, session })])
    }
}
