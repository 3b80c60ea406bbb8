//! Importing wg-quick files: what is read, what is refused and what is said about it.

use std::fmt::Write;

use adit_model::{
    ConfigurationId, DnsProtocol, DnsSettings, RouteTable, Secret, Secrets,
    wireguard::{PRIVATE_KEY, WireGuardConfiguration, preshared_key},
};
use adit_profile::{
    ExportError, ImportError, Imported, MAX_SIZE, Note, Protection, export_wg_quick,
    import_wg_quick, is_said_by_wg_quick, lint, protect, set_wireguard,
};

use crate::{import, wireguard};

const PRIVATE: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PUBLIC: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const PUBLIC_2: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
const PRESHARED: &str = "/UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak=";

// spec: PROTO-1, PROTO-2, PROTO-3, PROTO-5
#[test]
fn a_file_becomes_a_configuration_with_its_secrets_beside_it() {
    let imported = import(example()).unwrap();
    let Imported { configuration, secrets, notes } = &imported;
    assert_eq!(configuration.name, "home");
    assert_eq!(configuration.generation, 0);
    assert_eq!(configuration.protocol.provider_id, "org.adit.wireguard");
    assert_eq!(configuration.protocol.server_address, "de.example.net");
    assert_eq!(configuration.protocol.expected_routes, ["0.0.0.0/0".parse().unwrap()]);
    let stored = serde_json::to_string(configuration).unwrap();
    assert!(!stored.contains(PRIVATE) && !stored.contains(PRESHARED), "{stored}");

    let wireguard = wireguard(&imported);
    let peer = wireguard.peers[0].public_key;
    assert_eq!(wireguard.addresses, ["10.0.0.2/24".parse().unwrap()]);
    assert_eq!(wireguard.search_domains, ["example.net"]);
    assert_eq!(wireguard.scripts.post_up, ["iptables -A OUTPUT -j DROP", "echo up"]);
    assert_eq!(secrets[PRIVATE_KEY].expose(), PRIVATE);
    assert_eq!(secrets[&preshared_key(&peer)].expose(), PRESHARED);

    let text = |notes: &[Note]| notes.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        text(notes),
        [
            "Line 6: The PostUp command will not be run: iptables -A OUTPUT -j DROP",
            "Line 7: The PostUp command will not be run: echo up",
        ]
    );
    assert_eq!(
        text(&lint(configuration)),
        [
            "All IPv4 traffic and DNS will go through de.example.net.",
            "IPv6 stays outside the tunnel while all IPv4 goes inside; add ::/0 to AllowedIPs to \
             keep it in.",
        ]
    );
    let mut protected = configuration.clone();
    protect(&mut protected, Protection::FULL);
    assert_eq!(
        text(&lint(&protected)),
        [
            "All IPv4 traffic and DNS will go through de.example.net.",
            "IPv6 is blocked while the tunnel is up, since the tunnel has none; to let it go \
             outside, import with --allow-ipv6.",
            "No network you join can take traffic out of the tunnel, not even the local one; to reach \
             that, import with --exclude-local-networks, or with --no-enforce-routes to let all \
             routes of the network win.",
        ]
    );
}

#[test]
fn every_form_that_people_write_is_read() {
    let value_of = |lines: &str| {
        let text = example().replace("[Peer]", &format!("{lines}\n[Peer]"));
        wireguard(&import(&text).unwrap())
    };
    assert_eq!(value_of("table=OFF").table, RouteTable::Off);
    assert_eq!(value_of("Table = main").table, RouteTable::Table(254));
    assert_eq!(value_of("Table = 51820").table, RouteTable::Table(51820));
    assert_eq!(value_of("Table =").table, RouteTable::Auto);
    assert_eq!(value_of("FWMARK = 0xca6c").fwmark, Some(51820));
    assert_eq!(value_of("FwMark = 51820").fwmark, Some(51820));
    assert_eq!(value_of("FwMark = off").fwmark, None);
    assert_eq!(value_of("ListenPort = 0").listen_port, None);
    assert_eq!(value_of("MTU = 1400 # as the manual says").mtu, Some(1400));
    assert_eq!(value_of("MTU = 1400\nMTU = 1300").mtu, Some(1300));
    assert!(value_of("SaveConfig = TRUE").save_config);
    assert_eq!(value_of("address = 10.9.9.9, fd00::1").addresses.len(), 3);
    assert_eq!(value_of("DNS = 1.1.1.1,fd00::1 lan").search_domains, ["example.net", "lan"]);

    let peer = |lines: &str| {
        let text = format!("{}\n{lines}", example());
        wireguard(&import(&text).unwrap()).peers.remove(0)
    };
    assert_eq!(peer("PersistentKeepalive = off").persistent_keepalive, None);
    assert_eq!(peer("persistentkeepalive=25").persistent_keepalive, Some(25));
    assert_eq!(peer("Endpoint = [2001:db8::1]:1").endpoint.unwrap().host, "2001:db8::1");
    let networks = peer("AllowedIPs = 10.1.2.3/8, fd00::1,\nAllowedIPs =\nallowedips=10.0.0.0/8");
    let networks: Vec<String> = networks.allowed_ips.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["0.0.0.0/0", "10.0.0.0/8", "fd00::1/128"]);
}

#[test]
fn line_ends_and_marks_of_other_systems_change_nothing() {
    let expected = import(example()).unwrap();
    for text in [
        example().replace('\n', "\r\n"),
        example().replace('\n', "\r"),
        format!("\u{feff}{}", example()),
        example().replace(" = ", "\u{a0}=\t"),
    ] {
        assert_eq!(import(&text).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn each_fault_names_its_line_and_what_would_be_right() {
    let swapped = |from: &str, to: &str| example().replace(from, to);
    for (text, sentence) in [
        (
            swapped(PRIVATE, "abc"),
            "Line 2: PrivateKey is wrong: a key is 44 characters of base64, ending in “=”.",
        ),
        (
            swapped(PUBLIC, "AAAA"),
            "Line 9: PublicKey is wrong: a key is 32 bytes long, this one has 3.",
        ),
        (
            swapped(PRIVATE, &format!("{}=", "A".repeat(43))),
            "Line 2: PrivateKey is wrong: it is all zeros, which is no key.",
        ),
        (
            swapped("PrivateKey = ", "#"),
            "Line 1: [Interface] has no PrivateKey; add PrivateKey = the key that “wg genkey” \
             prints.",
        ),
        (
            swapped("Address", "# Address"),
            "Line 1: [Interface] has no Address; add Address = 10.0.0.2/32.",
        ),
        (
            swapped("PublicKey", "# PublicKey"),
            "Line 8: [Peer] has no PublicKey; add PublicKey = the server’s public key.",
        ),
        (
            swapped("AllowedIPs", "AllowedIP"),
            "Line 11: AllowedIP is not a setting of WireGuard; did you mean AllowedIPs?",
        ),
        (swapped("MTU", "Jmax"), "Line 5: Jmax is not a setting of WireGuard."),
        (swapped("MTU", "Endpoint"), "Line 5: Endpoint belongs under [Peer]."),
        (
            swapped("[Peer]", "[Pear]"),
            "Line 8: [Pear] is not a section; only [Interface] and [Peer] are.",
        ),
        (
            swapped("MTU = 1420", "MTU 1420"),
            "Line 5 is neither a section such as [Peer] nor a setting such as MTU = 1420; \
             comments begin with #.",
        ),
        (
            swapped("[Interface]", ""),
            "Line 2: PrivateKey stands above any section; put [Interface] before it.",
        ),
    ] {
        assert_eq!(import(&text).unwrap_err().to_string(), sentence, "{text}");
    }
}

#[test]
fn each_impossible_value_is_told_from_what_would_be_right() {
    let swapped = |from: &str, to: &str| example().replace(from, to);
    for (text, sentence) in [
        (
            swapped("MTU = 1420", "MTU = 500"),
            "Line 5: MTU is wrong: an MTU of 500 is too small; it must be at least 576.",
        ),
        (
            swapped("MTU = 1420", "MTU = 70000"),
            "Line 5: MTU is wrong: “70000” is not a number of bytes such as 1420.",
        ),
        (
            swapped("MTU = 1420", "Table = local"),
            "Line 5: Table is wrong: routing table 255 belongs to the system.",
        ),
        (
            swapped("10.0.0.2/24", "10.0.0.2/33"),
            "Line 3: Address is wrong: “10.0.0.2/33” is not an address such as 10.0.0.2/32 or \
             fd00::2/128.",
        ),
        (
            swapped("10.0.0.2/24", "224.0.0.1"),
            "Line 3: Address is wrong: 224.0.0.1 cannot be an address of the tunnel.",
        ),
        (
            swapped("10.0.0.1,", "https://dns.example.net,"),
            "Line 4: DNS is wrong: “https://dns.example.net” is not the address of a DNS server.",
        ),
        (
            swapped("example.net\nMTU", "-example\nMTU"),
            "Line 4: DNS is wrong: “-example” is not a domain name.",
        ),
        (
            swapped(":51820", ""),
            "Line 12: Endpoint is wrong: an endpoint is a host and a port, such as \
             vpn.example.net:51820 or [2001:db8::1]:51820.",
        ),
        (
            swapped("de.example.net", "300.1.1.1"),
            "Line 12: Endpoint is wrong: “300.1.1.1” is neither a host name nor an address.",
        ),
        (
            swapped("0.0.0.0/0", "10.0.0.0/8 10.1.0.0/16"),
            "Line 11: AllowedIPs is wrong: “10.0.0.0/8 10.1.0.0/16” is not a network such as \
             10.0.0.0/8 or fd00::/64.",
        ),
        (
            format!("{}[Peer]\nPublicKey = {PUBLIC}\n", example()),
            "Line 14: PublicKey is that of the peer on line 9; each peer has its own.",
        ),
        (
            format!("{}[Peer]\nPublicKey={PUBLIC_2}\nAllowedIPs=1.1.1.1/0\n", example()),
            "Line 15: AllowedIPs gives 0.0.0.0/0 to a second peer; line 11 has given it away \
             already.",
        ),
        (
            swapped("MTU = 1420", "MTU = 1420\u{1b}[2J"),
            "Line 5 contains a control character; remove it.",
        ),
        (
            example().split("[Peer]").next().unwrap().into(),
            "There is no [Peer] section; a tunnel needs another end to connect to.",
        ),
        (
            String::new(),
            "There is no [Interface] section; a WireGuard configuration begins with one.",
        ),
    ] {
        assert_eq!(import(&text).unwrap_err().to_string(), sentence, "{text}");
    }
}

#[test]
fn files_of_another_kind_are_recognised() {
    use ImportError as E;
    let refused = |bytes: &[u8]| import(bytes).unwrap_err();
    assert_eq!(refused(b"client\nremote vpn.example.net 1194\n<ca>\n"), E::OpenVpn);
    assert_eq!(refused(b"\n<!DOCTYPE html>\n<pre>[Interface]</pre>"), E::Markup);
    assert_eq!(refused(b"PK\x03\x04\xff\xfe"), E::NotText);
    let utf16: Vec<u8> = example().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refused(&utf16), E::NotText);
    assert_eq!(refused(&vec![b'#'; MAX_SIZE + 1]), E::TooLarge);
    assert_eq!(refused(&vec![b'#'; MAX_SIZE]), E::NoInterface);
}

#[test]
fn a_misplaced_key_is_never_repeated() {
    for text in [
        format!("[Interface]\n{PRIVATE}\n"),
        format!("[{PRIVATE}]\n"),
        example().replace(PRIVATE, &PRIVATE[1..]),
        example().replace("PrivateKey = ", "PrivateKey "),
        example().replace("PrivateKey = ", ""),
        example().replace("10.0.0.2/24", PRIVATE),
        example().replace("de.example.net:51820", &format!("{PRIVATE}:1")),
        example().replace(PRESHARED, &PRESHARED.replace('=', "")),
    ] {
        let error = import(&text).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains(&PRIVATE[1..20]) && !told.contains(&PRESHARED[1..20]), "{told}");
    }
}

#[test]
fn what_counts_for_nothing_is_noted_with_its_line() {
    let text = example().replace(
        "MTU = 1420",
        "MTU = 1420\nMTU = 1380\nFwMark = 1\nSaveConfig = true\nTable = off",
    ) + "AllowedIPs = 10.0.0.1/8\n";
    let notes: Vec<String> = import(&text).unwrap().notes.iter().map(ToString::to_string).collect();
    for expected in [
        "Line 5: MTU is given again on line 6, which counts.",
        "Line 7: FwMark is kept for export only",
        "Line 8: SaveConfig is kept for export only",
        "Line 17: 10.0.0.1/8 is taken for the network that it lies in, 10.0.0.0/8.",
    ] {
        assert!(notes.iter().any(|note| note.starts_with(expected)), "{expected}: {notes:#?}");
    }
}

#[test]
fn a_name_that_a_configuration_cannot_have_is_refused() {
    let id = ConfigurationId::from_random([7; 16]);
    let error = import_wg_quick(example().as_bytes(), " ", id).unwrap_err();
    assert_eq!(error.to_string(), "The configuration cannot be used: name: must not be empty.");
}

#[test]
fn a_long_list_is_read_and_one_that_cannot_be_stored_is_refused() {
    let listing = |count: u32| {
        let mut text = example().replace("AllowedIPs = 0.0.0.0/0", "");
        for index in 0..count {
            let [_, a, b, c] = index.to_be_bytes();
            writeln!(text, "AllowedIPs=10.{a}.{b}.{c}/32").unwrap();
        }
        import(&text)
    };
    assert_eq!(wireguard(&listing(10_000).unwrap()).peers[0].allowed_ips.len(), 10_000);
    let error = listing(10_001).unwrap_err();
    assert!(error.to_string().ends_with("there are more than 10000 routes."), "{error}");
}

#[test]
fn what_a_file_cannot_say_is_not_exported() {
    let imported = import(example()).unwrap();
    let secrets = &imported.secrets;
    let refused = |edit: fn(&mut WireGuardConfiguration, &mut Secrets)| {
        let mut wireguard = wireguard(&imported);
        let mut secrets = secrets.clone();
        edit(&mut wireguard, &mut secrets);
        export_wg_quick(&wireguard, &secrets).unwrap_err()
    };
    let inexpressible = |key| ExportError::Inexpressible { key };
    assert_eq!(refused(|_, secrets| secrets.clear()), ExportError::NoPrivateKey);
    assert_eq!(
        refused(|_, secrets| _ = secrets.insert(PRIVATE_KEY.into(), Secret::new("x"))),
        ExportError::BadKey { key: "PrivateKey" }
    );
    for command in ["a\nPostUp = b", "a # b", " a", "", "a\rb"] {
        let mut wireguard = wireguard(&imported);
        wireguard.scripts.pre_down = vec![command.into()];
        assert_eq!(export_wg_quick(&wireguard, secrets), Err(inexpressible("PreDown")));
    }
    assert_eq!(refused(|c, _| c.search_domains.push("a\nPreUp=b".into())), inexpressible("DNS"));
    assert_eq!(refused(|c, _| c.search_domains.push("1.2".into())), inexpressible("DNS"));
    assert_eq!(
        refused(|c, _| c.peers[0].endpoint.as_mut().unwrap().host = "a\n[Peer]".into()),
        inexpressible("Endpoint")
    );
}

#[test]
fn dns_that_would_be_asked_otherwise_is_no_matter_of_a_file() {
    let imported = import(example()).unwrap();
    let said = |edit: fn(&mut WireGuardConfiguration)| {
        let (mut configuration, mut wireguard) =
            (imported.configuration.clone(), wireguard(&imported));
        edit(&mut wireguard);
        set_wireguard(&mut configuration, &wireguard);
        is_said_by_wg_quick(&configuration).map_err(|error| error.to_string())
    };
    assert_eq!(said(|_| {}), Ok(()));
    let https = said(|c| {
        c.dns_protocol = DnsProtocol::Https { server_url: "https://dns.example/".into() };
    });
    assert_eq!(
        https.unwrap_err(),
        "DNS: a WireGuard file cannot say that the DNS servers are asked over HTTPS. Export it as a \
         profile (mobileconfig) or for Adit, or change that first."
    );
    let split = said(|c| c.match_domains = Some(vec!["corp.example".into()])).unwrap_err();
    assert!(split.contains("answer some names only"), "{split}");
    let mut configuration = imported.configuration.clone();
    configuration.protocol.dns = Some(DnsSettings::default());
    assert!(is_said_by_wg_quick(&configuration).is_err());
}

fn example() -> String {
    format!(
        "[Interface]
PrivateKey = {PRIVATE}
Address = 10.0.0.2/24
DNS = 10.0.0.1, example.net
MTU = 1420
PostUp = iptables -A OUTPUT -j DROP # a kill switch
PostUp = echo up
[Peer]
PublicKey = {PUBLIC}
PresharedKey = {PRESHARED}
AllowedIPs = 0.0.0.0/0
Endpoint = de.example.net:51820
"
    )
}
