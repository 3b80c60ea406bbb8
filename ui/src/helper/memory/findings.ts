// What a diagnosis finds of the computer that is made up.

import type { Finding } from "../bindings";
import type { Entry } from "../types";

export function findings(entries: readonly Entry[]): Finding[] {
  const json = (name: string, value: unknown) => ({ name, text: `${JSON.stringify(value, undefined, 2)}\n` });
  const up = entries.filter(({ session }) => session.status === "connected");
  return [
    json("system.json", { adit: "0.1.0", service: "0.1.0", kernel: "6.12.48", system: "Debian GNU/Linux 13 (trixie)" }),
    json("status.json", { entries, machine: { blocking: false } }),
    ...up.map(({ configuration }) => ({
      name: `sessions/${configuration.id}.plan.txt`,
      text: "link adit0 mtu 1420 up\naddress 10.20.0.2/32 dev adit0\nrule 5150: lookup 44032\nroute 0.0.0.0/0 dev adit0 table 44032\n",
    })),
    { name: "addresses.txt", text: "lo 127.0.0.1/8\nwlan0 192.168.1.23/24\n" },
    { name: "rules.txt", text: "0: from all lookup local\n32766: from all lookup main\n32767: from all lookup default\n" },
    { name: "routes.txt", text: "default via 192.168.1.1 dev wlan0 proto dhcp\n192.168.1.0/24 dev wlan0 scope link\n" },
    { name: "firewall.nft", text: "table inet adit {\n  chain output { type filter hook output priority 0; policy accept; }\n}\n" },
    { name: "log.txt", text: "2026-03-01T10:00:00+0000 host adit-helper[811]:  INFO adit-helper 0.1.0 serves /run/adit/helper.sock\n" },
    json("dns.json", { resolver: "resolved", lookups: [{ name: "example.com.", reason: "defaultRoute" }] }),
  ];
}
