use std::time::Duration;

use adit_model::{
    ConfigurationId, ConnectionError, InterfaceKind, TunnelProviderProtocol, VpnStatus,
    on_demand::{Gateway, OnDemandRule, PrimaryNetwork, RefusalCode},
};

use super::*;

const BOOT: &str = "this boot";
const SECOND: Duration = Duration::from_secs(1);

// spec: OD-3
#[test]
fn a_rule_that_connects_waits_for_who_wants_it_or_does_so_at_once() {
    let mut world = World::new();
    assert_eq!(world.wish(), Wish::Keep);
    world.judge(LAZY);
    assert_eq!(world.wish(), Wish::Wait(Demand::Traffic));
    world.machine.wanted("a program wanted to reach the network".into());
    let Wish::Up(StartCause::OnDemand { rule: 0, reason }) = world.wish() else { panic!() };
    assert_eq!(reason, "a program wanted to reach the network everywhere");
    world.up(true);
    assert_eq!(world.wish(), Wish::Nothing);
    // Who ended it did so for a reason that is not known here.
    world.down(false);
    assert_eq!(world.wish(), Wish::Wait(Demand::Traffic));

    world.judge(EAGER);
    assert_eq!(world.wish(), Wish::Wait(Demand::Traffic), "it rests");
    world.enter("away0");
    assert_eq!(world.wish(), Wish::Keep);
    world.judge(EAGER);
    let Wish::Up(StartCause::OnDemand { rule: 0, reason }) = world.wish() else { panic!() };
    assert_eq!(reason, "rule 1 matches everywhere");
    world.leave();
    world.judge(EAGER);
    assert_eq!(world.wish(), Wish::Nothing, "there is no network to connect by");
}

// spec: OD-4, OD-C6
#[test]
fn a_rule_that_disconnects_ends_what_it_finds_and_not_what_a_person_begins_then() {
    let mut world = World::new();
    world.judge(LAZY);
    world.up(false);
    world.enter("trusted0");
    assert_eq!(world.wish(), Wish::Keep);
    world.judge(Some(OnDemandAction::Disconnect));
    assert_eq!(world.wish(), Wish::Down);
    world.down(false);
    assert_eq!(world.wish(), Wish::Nothing);
    world.machine.started_by_hand();
    world.up(false);
    world.judge(Some(OnDemandAction::Disconnect));
    assert_eq!(world.wish(), Wish::Nothing);
    world.enter("other0");
    world.judge(LAZY);
    world.down(false);
    assert_eq!(world.wish(), Wish::Wait(Demand::Traffic));
}

#[test]
fn a_session_of_before_this_process_is_ended_only_if_a_rule_began_it() {
    for (by_rule, wish) in [(true, Wish::Down), (false, Wish::Nothing)] {
        let mut world = World::new();
        world.up(by_rule);
        world.judge(Some(OnDemandAction::Disconnect));
        assert_eq!(world.wish(), wish);
    }
}

// spec: OD-5, OD-13, D-9
#[test]
fn nothing_is_started_or_ended_without_a_rule_that_says_so() {
    for action in [Some(OnDemandAction::Ignore), None] {
        let mut world = World::new();
        world.judge(action);
        assert_eq!(world.wish(), Wish::Nothing);
        world.up(true);
        assert_eq!(world.wish(), Wish::Nothing);
    }
}

// spec: TN34-4
#[test]
fn rules_count_while_their_owner_is_there() {
    let mut world = World::new();
    world.machine.attended(false);
    world.judge(EAGER);
    assert_eq!((world.wish(), world.status()), (Wish::Nothing, None));
    world.machine.attended(true);
    world.judge(EAGER);
    assert!(matches!(world.wish(), Wish::Up(_)));
    world.up(true);
    world.machine.attended(false);
    world.down(false);
    assert_eq!(world.wish(), Wish::Nothing);
    world.machine.attended(true);
    assert_eq!(world.wish(), Wish::Keep);
    world.judge(EAGER);
    assert!(matches!(world.wish(), Wish::Up(_)));
}

// spec: OD-22, OD-C3
#[test]
fn a_stop_by_hand_stays_until_a_person_or_the_end_of_the_pause() {
    let mut world = World::new();
    world.judge(EAGER);
    world.up(true);
    world.machine.stopped_by_hand(BOOT);
    world.down(false);
    let by_hand = OnDemandStatus::Paused { end: PauseEnd::ByHand };
    assert_eq!(world.status(), Some(by_hand));
    world.enter("away0");
    world.judge(EAGER);
    assert_eq!(world.wish(), Wish::Nothing);
    world.machine.resume();
    assert!(matches!(world.wish(), Wish::Up(_)));
    world.machine.stopped_by_hand(BOOT);
    world.machine.started_by_hand();
    assert!(matches!(world.wish(), Wish::Up(_)));

    let at = world.now + 60 * SECOND;
    world.machine.hold_off(PauseEnd::Time { at }, BOOT);
    assert_eq!(world.machine.deadline(world.now), Some(at));
    world.wait(59 * SECOND);
    assert_eq!(world.wish(), Wish::Nothing);
    world.wait(SECOND);
    assert!(matches!(world.wish(), Wish::Up(_)));

    world.machine.hold_off(PauseEnd::NextNetwork, BOOT);
    world.leave();
    world.enter("away0");
    world.judge(EAGER);
    assert_eq!(world.wish(), Wish::Nothing, "it is the same network");
    world.enter("home0");
    world.judge(EAGER);
    assert!(matches!(world.wish(), Wish::Up(_)));

    world.machine.hold_off(PauseEnd::NextBoot, BOOT);
    let pause = world.machine.pause().unwrap();
    let stored: Pause = serde_json::from_str(&serde_json::to_string(pause).unwrap()).unwrap();
    assert!(stored == *pause && stored.lasts_in(BOOT) && !stored.lasts_in("the next boot"));
}

// spec: ODP-2
#[test]
fn what_an_administrator_has_locked_is_not_held_off_by_a_stop() {
    let mut world = World::new();
    world.configuration.on_demand.user_override_disabled = true;
    world.machine.configured(&world.configuration);
    world.judge(LAZY);
    world.up(true);
    world.machine.stopped_by_hand(BOOT);
    world.down(false);
    assert_eq!(world.wish(), Wish::Wait(Demand::Traffic));
}

// spec: OD-25
#[test]
fn starts_that_fail_come_ever_later_and_at_once_in_another_network() {
    let mut world = World::new();
    world.judge(LAZY);
    for pause in [1, 2, 4] {
        world.machine.wanted("somebody".into());
        assert!(matches!(world.wish(), Wish::Up(_)));
        world.up(true);
        world.down(true);
        assert_eq!(world.wish(), Wish::Wait(Demand::Nobody));
        let retry_at = Some(world.now + pause * SECOND);
        assert_eq!(world.machine.deadline(world.now), retry_at);
        let Some(OnDemandStatus::Armed { retry_at: shown, .. }) = world.status() else { panic!() };
        assert_eq!(shown, retry_at);
        world.wait(pause * SECOND);
        assert_eq!(world.wish(), Wish::Wait(Demand::Traffic));
    }
    world.judge(EAGER);
    world.machine.refused(refused(), world.now);
    assert_eq!(world.wish(), Wish::Nothing);
    world.enter("away0");
    world.judge(EAGER);
    assert!(matches!(world.wish(), Wish::Up(_)));
    world.machine.refused(refused(), world.now);
    assert_eq!(world.wish(), Wish::Nothing);
    world.machine.owner_came();
    assert!(matches!(world.wish(), Wish::Up(_)));
}

// spec: MGR-12, OD-14
#[test]
fn what_keeps_a_session_from_beginning_is_told_and_forgotten_with_its_cause() {
    let mut world = World::new();
    let obstacle = |world: &World| match world.status() {
        Some(OnDemandStatus::Armed { obstacle, .. }) => obstacle,
        Some(OnDemandStatus::Paused { .. }) | None => panic!(),
    };
    world.judge(EAGER);
    let refused = || Obstacle::InTheWay { name: Some("home".into()), route: None };
    world.machine.refused(refused(), world.now);
    assert_eq!((world.wish(), obstacle(&world)), (Wish::Nothing, Some(refused())));
    world.wait(SECOND);
    assert!(matches!(world.wish(), Wish::Up(_)));
    world.machine.refused(refused(), world.now);
    assert!(world.machine.is_refused());
    // It need not be waited for the next attempt.
    world.machine.room_was_made();
    assert_eq!(obstacle(&world), None);
    assert!(matches!(world.wish(), Wish::Up(_)));

    world.leave();
    assert_eq!(obstacle(&world), None, "it is not known yet which rule is the current one");
    world.judge(EAGER);
    assert_eq!((world.wish(), obstacle(&world)), (Wish::Nothing, Some(Obstacle::Offline)));
    world.up(true);
    assert_eq!(obstacle(&world), None);
    world.down(false);
    world.judge(Some(OnDemandAction::Disconnect));
    assert_eq!(obstacle(&world), None, "nothing is wanted");
}

// spec: OD-23, MGR-7
#[test]
fn it_counts_only_while_the_configuration_is_enabled_and_its_switch_is_on() {
    let mut world = World::new();
    let VpnConfiguration { id, name, protocol, .. } = world.configuration.clone();
    let new =
        Machine::new(&VpnConfiguration::new(id, name, protocol), None, &SessionStatus::new(id));
    assert!(!new.is_on());
    world.judge(EAGER);
    world.machine.hold_off(PauseEnd::ByHand, BOOT);
    world.configuration.enablement = Enablement::SetAside;
    world.machine.configured(&world.configuration);
    assert_eq!((world.wish(), world.status()), (Wish::Nothing, None));
    world.configuration.enablement = Enablement::Enabled;
    world.machine.configured(&world.configuration);
    assert_eq!(world.wish(), Wish::Keep);
    world.judge(EAGER);
    assert!(matches!(world.wish(), Wish::Up(_)));
    world.configuration.on_demand.enabled = false;
    world.machine.configured(&world.configuration);
    assert_eq!((world.wish(), world.status()), (Wish::Nothing, None));
}

const LAZY: Option<OnDemandAction> = Some(OnDemandAction::Connect { eager: false });
const EAGER: Option<OnDemandAction> = Some(OnDemandAction::Connect { eager: true });

/// A machine and what happens to it.
struct World {
    machine: Machine,
    configuration: VpnConfiguration,
    generation: u64,
    now: Timestamp,
}

impl World {
    /// In the network behind `home0`.
    fn new() -> Self {
        let protocol = TunnelProviderProtocol::new("org.example.vpn", "vpn.example");
        let id = ConfigurationId::from_random([1; 16]);
        let mut configuration = VpnConfiguration::new(id, "work", protocol);
        configuration.on_demand.enabled = true;
        let machine = Machine::new(&configuration, None, &SessionStatus::new(id));
        let now = Timestamp::UNIX_EPOCH;
        let mut world = Self { machine, configuration, generation: 0, now };
        world.enter("home0");
        world
    }

    fn wish(&self) -> Wish {
        self.machine.wish(self.now)
    }

    fn status(&self) -> Option<OnDemandStatus> {
        self.machine.status(self.now)
    }

    fn enter(&mut self, interface: &str) {
        let gateway = Gateway { address: "192.0.2.1".parse().unwrap(), mac: None };
        let kind = InterfaceKind::Ethernet;
        let there =
            PrimaryNetwork { gateways: vec![gateway], ..PrimaryNetwork::new(interface, kind) };
        self.moved(Some(there));
    }

    fn leave(&mut self) {
        self.moved(None);
    }

    fn moved(&mut self, primary: Option<PrimaryNetwork>) {
        self.generation += 1;
        self.machine.moved(NetworkState { generation: self.generation, primary });
    }

    fn judge(&mut self, action: Option<OnDemandAction>) {
        let judged = action.map(|action| {
            let rule = OnDemandRule::always(action.clone());
            (CurrentRule::of(0, &rule), action)
        });
        self.machine.judged(judged);
    }

    fn up(&mut self, by_rule: bool) {
        let cause = if by_rule {
            StartCause::OnDemand { rule: 0, reason: String::new() }
        } else {
            StartCause::User { uid: 0 }
        };
        let mut session = SessionStatus::new(self.configuration.id);
        session.status = VpnStatus::Connected;
        session.start_cause = Some(cause);
        self.machine.session_changed(&session, self.now);
    }

    fn down(&mut self, failed: bool) {
        let mut session = SessionStatus::new(self.configuration.id);
        session.status = VpnStatus::Disconnected;
        session.last_error = failed.then(|| ConnectionError::ServerDead.plain());
        self.machine.session_changed(&session, self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.machine.waited(self.now);
    }
}

fn refused() -> Obstacle {
    let (message, reason) = ("No.".into(), String::new());
    Obstacle::Refused { message, code: RefusalCode::Other, reason }
}
