//! Every way in which a system can be told of DNS servers: the tunnel's are asked, and the network's come back.

use std::time::Instant;

use adit_tests::{Adit, Home, Lab, Machine, Resolvconf, WireGuardServer, address};

// spec: DNS-8, DNS-21
#[test]
fn network_manager_writes_the_tunnels_servers_and_forgets_them() {
    let Some(lab) = Lab::new() else { return };
    let Some(mut manager) = lab.client.start_network_manager() else { return };
    let before = resolv_conf(&lab.client);
    let Home { lab, vpn, adit } = Home::connected_in(lab);
    assert_asks_inside(&lab, &vpn);
    assert!(
        lab.client.sh("ip -o address show adit0").contains("10.64"),
        "it left the tunnel alone"
    );

    // It keeps what it was told across its own end.
    manager.restart();
    assert_asks_inside(&lab, &vpn);

    adit.disconnect("home");
    assert_eq!(resolv_conf(&lab.client), before);
    assert_eq!(manager.global_dns(), "a{sv} 0");
    assert!(!manager.kept().contains("global-dns"), "{}", manager.kept());
    adit.assert_no_residue();
}

// spec: DNS-21, DNS-C3, TUN-18
#[test]
fn network_manager_is_told_to_forget_after_a_crash_also_when_only_its_own_mark_is_left() {
    for journal in ["kept", "lost"] {
        let Some(lab) = Lab::new() else { return };
        let Some(mut manager) = lab.client.start_network_manager() else { return };
        let before = resolv_conf(&lab.client);
        let Home { lab, vpn: _vpn, mut adit } = Home::connected_in(lab);
        die(&lab.client, &adit);
        if journal == "lost" {
            lab.client.sh("rm /run/adit/network.json");
        }
        // As a boot does: the servers of a tunnel that is gone come back with it.
        manager.restart();
        let after = resolv_conf(&lab.client);
        assert!(after.contains("10.64.0.1"), "{after}{}", manager.kept());
        adit.restart_helper();
        adit.eventually("former resolv.conf", || resolv_conf(&lab.client) == before);
        assert!(!manager.kept().contains("global-dns"), "{}", manager.kept());
        assert!(!lab.client.resolve("site.test").is_empty());
        adit.assert_no_residue();
    }
}

// spec: DNS-21, DNS-C3
#[test]
fn network_manager_that_starts_after_the_helper_is_told_to_forget() {
    let Some(lab) = Lab::new() else { return };
    let Some(mut manager) = lab.client.start_network_manager() else { return };
    let before = resolv_conf(&lab.client);
    let Home { lab, vpn: _vpn, mut adit } = Home::connected_in(lab);
    // The machine loses its power, and comes up again.
    manager.kill();
    die(&lab.client, &adit);
    lab.client.sh("rm -r /run/adit");
    adit.restart_helper();
    manager.restart();
    adit.eventually("former resolv.conf", || resolv_conf(&lab.client) == before);
    assert!(!manager.kept().contains("global-dns"), "{}", manager.kept());
}

#[test]
fn what_others_make_a_keeper_of_servers_forget_it_is_told_again() {
    let set = "busctl set-property org.freedesktop.NetworkManager /org/freedesktop/NetworkManager \
               org.freedesktop.NetworkManager GlobalDnsConfiguration 'a{sv}' 0";
    for (is_manager, damage) in [(true, set), (false, "resolvconf -f -d tun.adit")] {
        let Some(lab) = Lab::new() else { return };
        let mut manager = None;
        let is_there = if is_manager {
            manager.insert(lab.client.start_network_manager()).is_some()
        } else {
            lab.client.install_resolvconf(Resolvconf::Openresolv)
        };
        if !is_there {
            return;
        }
        let before = resolv_conf(&lab.client);
        let Home { lab, vpn, adit } = Home::connected_in(lab);
        let connected = resolv_conf(&lab.client);
        lab.client.sh(damage);
        let start = Instant::now();
        adit.eventually("servers of the tunnel", || resolv_conf(&lab.client) == connected);
        println!("{damage}: healed after {} ms", start.elapsed().as_millis());
        assert_asks_inside(&lab, &vpn);
        adit.disconnect("home");
        assert_eq!(resolv_conf(&lab.client), before);
    }
}

// spec: DNS-8, DNS-21
#[test]
fn openresolv_excludes_the_networks_servers_until_the_tunnel_is_down() {
    let Some(lab) = Lab::new() else { return };
    if !lab.client.install_resolvconf(Resolvconf::Openresolv) {
        return;
    }
    let Home { lab, vpn, adit } = Home::connected_in(lab);
    assert_asks_inside(&lab, &vpn);
    // A DHCP client that hears of other servers meanwhile changes nothing now, and everything then.
    lab.client.renew_lease(&["192.0.2.1".into(), address::DNS.v4.to_string()]);
    assert_asks_inside(&lab, &vpn);
    assert!(!resolv_conf(&lab.client).contains("192.0.2.1"));
    adit.disconnect("home");
    assert!(resolv_conf(&lab.client).contains("192.0.2.1"));
    assert_eq!(lab.client.sh("resolvconf -i").trim(), "eth0.dhcp");
}

// spec: DNS-21
#[test]
fn debians_resolvconf_asks_the_tunnel_first_and_adit_says_who_is_second() {
    let Some(lab) = Lab::new() else { return };
    if !lab.client.install_resolvconf(Resolvconf::Debian) {
        return;
    }
    let before = resolv_conf(&lab.client);
    let Home { lab, vpn, adit } = Home::connected_in(lab);
    assert_asks_inside(&lab, &vpn);
    let status = adit.run(["status", "home"]);
    assert!(status.contains("The network's DNS servers are second in line"), "{status}");
    adit.disconnect("home");
    assert_eq!(resolv_conf(&lab.client), before);
    adit.assert_no_residue();
}

// spec: DNS-21, DNS-C3, TUN-18
#[test]
fn resolvconf_forgets_the_tunnel_after_a_crash() {
    for which in [Resolvconf::Openresolv, Resolvconf::Debian] {
        let Some(lab) = Lab::new() else { return };
        if !lab.client.install_resolvconf(which) {
            return;
        }
        let before = resolv_conf(&lab.client);
        let Home { lab, vpn: _vpn, mut adit } = Home::connected_in(lab);
        assert!(resolv_conf(&lab.client).contains("10.64.0.1"), "{which:?}");
        die(&lab.client, &adit);
        adit.restart_helper();
        assert_eq!(resolv_conf(&lab.client), before, "{which:?}");
        adit.assert_no_residue();
    }
}

// spec: DNS-21
#[test]
fn a_file_that_cannot_be_changed_is_said_and_the_tunnel_is_up() {
    for (arrange, release, words) in [
        (
            "chattr +i /etc/resolv.conf",
            "chattr -i /etc/resolv.conf",
            "run “chattr -i /etc/resolv.conf”",
        ),
        (READ_ONLY, "umount /etc", "its file system is read-only"),
    ] {
        let Some(lab) = Lab::new() else { return };
        let before = resolv_conf(&lab.client);
        let Home { lab, vpn, adit } = Home::imported_in(lab);
        lab.client.sh(arrange);
        adit.connect("home");
        let status = adit.run(["status", "home"]);
        assert!(status.contains("The VPN's DNS servers are not used"), "{status}");
        assert!(status.contains(words), "{status}");
        assert_eq!(lab.client.whoami(address::SITE.v4.to_string()).unwrap(), vpn.outer_ipv4());
        adit.disconnect("home");
        lab.client.sh(release);
        assert_eq!(resolv_conf(&lab.client), before);

        adit.connect("home");
        assert!(resolv_conf(&lab.client).contains("10.64.0.1"));
        adit.disconnect("home");
        assert_eq!(resolv_conf(&lab.client), before);
        adit.assert_no_residue();
    }
}

// spec: DNS-21, DNS-C3
#[test]
fn a_file_that_was_missing_is_missing_again_also_after_a_crash() {
    let Some(Home { lab, vpn, mut adit }) = Home::imported() else { return };
    lab.client.sh("rm /etc/resolv.conf");
    adit.connect("home");
    assert_asks_inside(&lab, &vpn);
    adit.disconnect("home");
    assert!(!lab.client.has_file("/etc/resolv.conf"));
    adit.connect("home");
    die(&lab.client, &adit);
    adit.restart_helper();
    assert!(!lab.client.has_file("/etc/resolv.conf"));
}

/// `/etc` as it is, without a way to change it.
const READ_ONLY: &str = "mount --bind /etc /etc && mount -o remount,ro,bind /etc";

fn resolv_conf(client: &Machine) -> String {
    client.read_file("/etc/resolv.conf")
}

/// The helper and its providers, and nobody knows of the session any more.
fn die(client: &Machine, adit: &Adit) {
    let providers = adit.providers();
    adit.kill_helper();
    for provider in providers {
        client.run(["kill", "-9", &provider]);
    }
    client.sh("rm -r /run/adit/sessions/*");
}

/// Names are looked up through the tunnel alone, and the router sees no query.
#[track_caller]
fn assert_asks_inside(lab: &Lab, vpn: &WireGuardServer) {
    let sniffer = lab.sniff_client();
    let inside = lab.client.resolve("inside.corp.test");
    assert!(inside.contains(&vpn.inner_ipv4().into()), "{}", resolv_conf(&lab.client));
    assert!(lab.client.resolve("site.test").contains(&address::SITE.v4.into()));
    sniffer.stop().incoming().assert_none("a query outside", |p| p.is_to_port(53));
}
