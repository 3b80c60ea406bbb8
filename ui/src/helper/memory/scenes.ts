// Scripted states: `npm run ui` shows one of them with `?state=NAME`.

import type { Link } from "../helper";
import type { AskedSecrets, Entry, HealthItem, MachineStatus, SessionStatus } from "../types";
import { abroad, home, many, travel, work } from "./examples";

export interface Scene {
  link: Link;
  entries: Entry[];
  machine: MachineStatus;
  /** What the person is asked for. */
  asked?: AskedSecrets[];
  /** Which configuration the state is about. */
  about?: string;
}

export const SCENES = {
  empty: () => ({ ...scene(undefined), entries: [] }),
  disconnected: () => scene(home()),
  waiting: () => scene(travel()),
  paused: (now) => {
    const paused = travel();
    paused.session.onDemand = { state: "paused", until: "time", at: minutes(now, 15) };
    return scene(paused);
  },
  connecting: () => scene(in_(home(), { status: "connecting", interface: "adit0" })),
  asking: () => {
    const waits = in_(home(), { status: "connecting" });
    const title = `Waiting for the private key of “${waits.configuration.name}”`;
    const item = notice("warning", "secrets.wanted", title, "The service does not keep it.");
    item.arguments = { name: waits.configuration.name, secret: "privateKey" };
    waits.session.health = [item];
    return { ...scene(waits), asked: [request(waits, ["privateKey"], { canRemember: true })] };
  },
  askingAgain: () => {
    const waits = in_(work(), { status: "connecting" });
    const asked = request(waits, ["password", "pin"], { username: "alice", refused: true, trouble: "missing" });
    return { ...scene(waits), asked: [asked] };
  },
  connected: (now) => scene(up(home(), now, { startCause: { user: { uid: 1000 } } })),
  split: (now) => scene(up(work(), now)),
  onDemand: (now) => {
    const reason = "rule 2 matched the Wi-Fi “Café Central”";
    return scene(up(travel(), now, { startCause: { onDemand: { rule: 1, reason } } }));
  },
  reasserting: (now) => {
    const restarting = notice(
      "warning",
      "provider.restarting",
      "The tunnel provider is being started again",
      "The one before has ended. Until this one has established the tunnel again, its traffic waits and nothing of it goes outside.",
    );
    return scene(up(home(), now, { status: "reasserting", health: [restarting] }));
  },
  noTraffic: (now) => {
    const text =
      "The server does not answer. Adit keeps asking, and goes on by itself when it is heard; until then, what belongs into the tunnel goes nowhere else.";
    const action = "Check the network at this place, and whether the server is up.";
    const silent = notice("problem", "path.dead", "Nothing comes back since 14:32:10", text, action);
    silent.arguments = { since: minutes(now, -2), offline: "false" };
    return scene(up(home(), now, { health: [silent] }));
  },
  warned: (now) => {
    const dns = notice(
      "warning",
      "dns.split-unavailable",
      "The VPN's names are not resolved by the VPN",
      "This system has a single list of DNS servers, so corp.example cannot be sent to the VPN's.",
      "Use systemd-resolved, or let the VPN answer all names.",
    );
    dns.arguments = { domains: "corp.example" };
    const healed = notice(
      "notice",
      "changed.routes",
      "The tunnel’s routes were changed by somebody else and put back",
      "This happened once. It was probably NetworkManager, which is running and manages the same things.",
    );
    healed.arguments = { times: "1", likely: "NetworkManager" };
    const behind = notice(
      "notice",
      "configuration.behind",
      "Changes take effect at the next connect",
      "The configuration was changed in a way that a connected tunnel cannot follow.",
      "adit reconnect Work",
    );
    return scene(up(work(), now, { health: [dns, healed, behind] }));
  },
  blocked: () => {
    const blocked = in_(abroad(), {
      blocking: true,
      lastError: {
        domain: "NEVPNConnectionErrorDomain",
        code: 12,
        message: "The tunnel provider stopped unexpectedly.",
      },
    });
    const item = notice(
      "problem",
      "blocked.failed",
      "Traffic is blocked: “Abroad” failed",
      "Nothing may go around “Abroad”, from its start until it is disconnected.",
      "Try again with: adit connect Abroad. Open the network with: adit disconnect Abroad",
    );
    item.arguments = { name: "Abroad", locked: "false" };
    blocked.session.health = [item];
    return { ...scene(blocked), machine: { blocking: true, health: [item] } };
  },
  problem: () =>
    scene(
      in_(home(), {
        lastError: { domain: "NEVPNConnectionErrorDomain", code: 6, message: "The server does not answer." },
      }),
    ),
  disabled: () => {
    const disabled = home();
    disabled.configuration.enablement = "disabled";
    return scene(disabled);
  },
  setAside: () => {
    const aside = home();
    aside.configuration.enablement = "setAside";
    return scene(aside);
  },
  lockdown: () => {
    const item = notice(
      "notice",
      "blocked.lockdown",
      "Lockdown is on, and no tunnel is connected",
      "Nothing leaves this computer, but to the local network.",
      "Connect a tunnel with: adit connect NAME. Open the network with: adit lockdown off",
    );
    const machine = { lockdown: { allowLocalNetworks: true, setBy: 1000 }, blocking: true, health: [item] };
    return { ...scene(home()), machine };
  },
  unprotected: () => {
    const open = notice(
      "problem",
      "lockdown.not-blocking",
      "Traffic is NOT blocked, although it should be",
      "The system refused: nft is missing. Whatever the tunnels do not take goes out directly. Adit keeps trying.",
      "Go offline if that matters. See more with: journalctl -u adit-helper",
    );
    open.arguments = { reason: "nft is missing." };
    return { ...scene(home()), machine: { lockdown: { allowLocalNetworks: true, setBy: 1000 }, blocking: false, health: [open] } };
  },
  foreign: () => {
    const title = "Another user’s VPN is in use";
    const text = "The traffic of this computer goes through it. No tunnel of yours can start meanwhile.";
    const item = notice("notice", "foreign.tunnel", title, text, "Only its owner and root can disconnect it.");
    item.arguments = { all: "true" };
    return { ...scene(home()), machine: { blocking: false, health: [item] } };
  },
  missing: () => ({ ...scene(undefined), entries: [], link: { state: "missing" } }),
  lost: (now) => ({ ...scene(up(home(), now)), link: { state: "missing" } }),
  otherVersion: (now) => ({
    ...scene(up(home(), now)),
    link: { state: "otherVersion", helper: "0.2.0", app: "0.1.0", older: "viewer" },
  }),
  olderService: (now) => ({
    ...scene(up(home(), now)),
    link: { state: "otherVersion", helper: "0.1.0", app: "0.2.0", older: "service" },
  }),
  untrusted: () => ({
    ...scene(undefined),
    entries: [],
    link: { state: "untrusted", reason: "The socket /run/adit/helper.sock belongs to the user mallory, not to root." },
  }),
  many: () => ({ ...scene(home()), entries: [home(), ...many(500)] }),
} satisfies { [name: string]: (now: Date) => Scene };

export type SceneName = keyof typeof SCENES;

export function sceneOf(name: string | null, now: Date): Scene {
  const known = name !== null && Object.hasOwn(SCENES, name) ? (name as SceneName) : "connected";
  const make: (now: Date) => Scene = SCENES[known];
  return make(now);
}

/** The entry among others, so that the list is not alone with it. */
function scene(about: Entry | undefined): Scene {
  const others = [abroad(), home(), travel(), work()].filter(
    (entry) => entry.configuration.id !== about?.configuration.id,
  );
  return {
    link: { state: "attached", version: "0.1.0" },
    entries: about ? [about, ...others] : others,
    machine: { blocking: false },
    ...(about && { about: about.configuration.id }),
  };
}

function in_(entry: Entry, session: Partial<SessionStatus>): Entry {
  return { ...entry, session: { ...entry.session, ...session } };
}

function up(entry: Entry, now: Date, session: Partial<SessionStatus> = {}): Entry {
  return in_(entry, { status: "connected", connectedAt: minutes(now, -125), interface: "adit0", ...session });
}

function minutes(now: Date, count: number): string {
  return new Date(now.getTime() + count * 60_000).toISOString();
}

function notice(severity: HealthItem["severity"], code: string, title: string, text: string, action?: string): HealthItem {
  return { code, severity, title, text, ...(action !== undefined && { action }) };
}

function request(entry: Entry, wanted: string[], more: Partial<AskedSecrets>): AskedSecrets {
  const { id, name, protocol } = entry.configuration;
  return { number: 1, id, name, server: protocol.serverAddress, wanted, refused: false, canRemember: false, ...more };
}
