//! What others do to what is in force, and what becomes of it.

use std::{process::Command, sync::Arc, time::Duration};

use adit_model::{HealthItem, Severity};
use rtnetlink::{
    IpVersion,
    packet_route::rule::{RuleAttribute, RuleMessage},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use super::*;
use crate::{
    healing::{self, Healed},
    tun::TunDevice,
};

#[test]
fn what_others_take_away_is_put_back_and_told() {
    in_own_namespace(|| async {
        let mut tunnel = WatchedTunnel::up().await;
        let mut told = BTreeMap::<&str, u32>::new();
        for (damage, code) in [
            ("ip -4 rule flush", "changed.rules"),
            ("ip -6 rule del pref 5000", "changed.rules"),
            ("ip route flush table 44544", "changed.routes"),
            ("ip route replace default via 192.168.1.1 metric 1024 table 44544", "changed.routes"),
            ("ip -6 route del default dev adit0 table 44544", "changed.routes"),
            ("ip address flush dev adit0", "changed.addresses"),
            ("ip link set adit0 mtu 1300", "changed.interface"),
            ("ip link set adit0 down", "changed.interface"),
            ("sysctl -qw net.ipv4.conf.eth0.rp_filter=1", "changed.settings"),
            ("sysctl -qw net.ipv6.conf.adit0.disable_ipv6=1", "changed.settings"),
        ] {
            let whole = everything_of_the_tunnel();
            run(damage);
            let start = Instant::now();
            until(damage, || everything_of_the_tunnel() == whole).await;
            println!("{damage}: whole after {} ms", start.elapsed().as_millis());
            let times = told.entry(code).or_default();
            *times += 1;
            let count = if *times == 1 { "once".into() } else { format!("{times} times") };
            let is_told = |item: &HealthItem| item.code == code && item.text.contains(&count);
            tunnel.health(|items| items.iter().any(is_told)).await;
        }
        assert!(tunnel.healed.borrow().lost.is_empty());
    });
}

#[test]
fn what_we_do_ourselves_is_nobodys_doing() {
    in_own_namespace(|| async {
        let mut tunnel = WatchedTunnel::up().await;
        let mut other = settings("10.0.0.3/24", None);
        include(&mut other, &["198.18.0.0/15"]);
        let other = tunnel.plan(&other).await;
        for plan in [&other, &tunnel.plan, &Plan::empty(), &tunnel.plan] {
            tunnel.network.apply(&tunnel.tunnel, plan).await.unwrap();
        }
        tunnel.network.revert(tunnel.tunnel.slot).await.unwrap();
        // Whatever somebody else does after that is seen after it.
        tunnel.network.apply(&tunnel.tunnel, &tunnel.plan).await.unwrap();
        run("ip rule del pref 5000");
        let items = tunnel.health(|items| !items.is_empty()).await;
        let codes: Vec<&str> = items.iter().map(|item| item.code.as_str()).collect();
        assert_eq!(codes, ["changed.rules"]);
        assert!(items[0].text.contains("once"), "{items:?}");
    });
}

#[test]
fn who_never_stops_is_named_and_left_alone() {
    in_own_namespace(|| async {
        let mut tunnel = WatchedTunnel::up().await;
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        let guard_rule =
            |found: &RuleMessage| found.attributes.contains(&RuleAttribute::Priority(5000));
        let mut fights = 0;
        let mut back = true;
        while back {
            let rules = rules_of(&handle).await;
            let Some(rule) = rules.into_iter().find(guard_rule) else { panic!("no loop guard") };
            handle.rule().del(rule).execute().await.unwrap();
            fights += 1;
            let is_back = async {
                while !rules_of(&handle).await.iter().any(guard_rule) {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            back = timeout(Duration::from_secs(2), is_back).await.is_ok();
        }
        assert_eq!(fights, 11, "the last one was not put back");
        let items = tunnel.health(|items| items[0].severity == Severity::Problem).await;
        assert_eq!(items[0].code, "contested.rules");
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        assert!(items[0].title.starts_with(own.trim_end()), "{items:?}");
        assert!(items[0].text.contains("10 times"), "{items:?}");
    });
}

#[test]
fn an_interface_that_was_deleted_is_lost_and_its_destinations_are_refused() {
    in_own_namespace(|| async {
        let mut tunnel = WatchedTunnel::up().await;
        run("ip link del adit0");
        let index = tunnel.tunnel.index;
        let lost = tunnel.healed.wait_for(|healed| healed.lost.contains(&index));
        timeout(Duration::from_secs(10), lost).await.unwrap().unwrap();
        run("ip rule flush");
        until("the rules", || is_refused("9.9.9.9") && is_refused("2620:fe::9")).await;
        tunnel.network.revert(tunnel.tunnel.slot).await.unwrap();
        assert_eq!(kernel_text(), "");
    });
}

/// A full tunnel that is watched over.
struct WatchedTunnel {
    network: Arc<Network>,
    tunnel: Tunnel,
    plan: Plan,
    healed: watch::Receiver<Healed>,
    _device: TunDevice,
    _machine: Machine,
}

impl WatchedTunnel {
    async fn up() -> Self {
        let machine = Machine::new();
        fs::write("/proc/sys/net/ipv4/conf/eth0/rp_filter", "1").unwrap();
        let network = Arc::new(machine.another_network());
        let (tunnel, device) = open_tunnel(0);
        let mut settings = settings("10.0.0.2/24", Some("fd00::2/64"));
        include(&mut settings, &["0.0.0.0/0", "::/0", "198.18.0.0/15"]);
        settings.tunnel_overhead_bytes = Some(80);
        let state = network.state().await.unwrap();
        let plan = crate::plan(&tunnel, &settings, crate::Strength::default(), &state).unwrap();
        let healed = healing::watch(Arc::clone(&network)).await.unwrap();
        network.apply(&tunnel, &plan).await.unwrap();
        Self { network, tunnel, plan, healed, _device: device, _machine: machine }
    }

    async fn plan(&self, settings: &adit_model::PacketTunnelNetworkSettings) -> Plan {
        let state = self.network.state().await.unwrap();
        crate::plan(&self.tunnel, settings, crate::Strength::default(), &state).unwrap()
    }

    /// Waits until there is something to tell.
    async fn health(&mut self, wanted: impl Fn(&[HealthItem]) -> bool) -> Vec<HealthItem> {
        let slot = self.tunnel.slot;
        let items = |healed: &Healed| healed.health.get(&slot).cloned().unwrap_or_default();
        let told = self.healed.wait_for(|healed| {
            let items = items(healed);
            !items.is_empty() && wanted(&items)
        });
        let told = timeout(Duration::from_secs(10), told).await.expect("it is told").unwrap();
        items(&told)
    }
}

/// All that the guard has to keep.
fn everything_of_the_tunnel() -> String {
    let link = ip("-o link show adit0");
    let mtu = link.split_whitespace().skip_while(|word| *word != "mtu").nth(1).unwrap().to_owned();
    let up = if link.contains(",UP") { "up" } else { "down" };
    let mut addresses: Vec<String> = ip("-o address show adit0 scope global")
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned))
        .collect();
    addresses.sort();
    format!("{} {mtu} {up} {addresses:?} {}", kernel_text(), rp_filter("eth0"))
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !reached() {
        assert!(Instant::now() < end, "{what}: {}", everything_of_the_tunnel());
        sleep(Duration::from_millis(5)).await;
    }
}

fn run(command: &str) {
    let mut words = command.split_whitespace();
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{command}");
}

async fn rules_of(handle: &rtnetlink::Handle) -> Vec<RuleMessage> {
    use futures_util::TryStreamExt;
    handle.rule().get(IpVersion::V4).execute().try_collect().await.unwrap()
}
