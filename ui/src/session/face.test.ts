import { describe, expect, it } from "vitest";

import type { Entry, MachineStatus, Obstacle } from "../helper/types";
import { ENGLISH, example, GERMAN, NOW, problem, TWO_HOURS_AGO } from "./examples";
import { face, inSentence, isWanted, type Shape } from "./face";

const ATTACHED = { state: "attached", version: "0.1.0" } as const;
const OPEN: MachineStatus = { blocking: false };
const FAILED = { domain: "NEVPNConnectionErrorDomain", code: 6, message: "The server does not answer." };

describe("a session that is down", () => {
  it("says where traffic goes", () => {
    check(example(), "disconnected", "Not connected. Traffic goes out directly.");
    const full = example({
      configuration: { id: "2", name: "Home" },
      protocol: { expectedRoutes: ["0.0.0.0/0"] },
      session: { status: "connected" },
    });
    check(example(), "disconnected", "Not connected. Traffic goes through “Home”.", { others: [full] });
    const split = example({ configuration: { id: "2" }, session: { status: "connected" } });
    check(example(), "disconnected", "Not connected.", { others: [split] });
    const locked = { blocking: true, lockdown: { allowLocalNetworks: false, setBy: 0 } };
    check(example(), "disconnected", "Not connected. Lockdown is on, so nothing leaves this computer.", { machine: locked });
    check(example(), "disconnected", "Not connected.", { machine: { blocking: true } });
    const foreign = { ...problem("Another user’s VPN is in use"), code: "foreign.tunnel", arguments: { all: "true" } };
    check(example(), "disconnected", "Not connected. Traffic goes through the VPN of another user.", {
      machine: { blocking: false, health: [foreign] },
    });
  });

  it("says why it is down", () => {
    check(example({ session: { lastError: FAILED } }), "problem", "Not connected. The server does not answer.");
    const blocked = example({ session: { blocking: true, lastError: FAILED } });
    check(blocked, "blocked", "Traffic is blocked: the server does not answer.");
    const held = example({ session: { blocking: true } });
    check(held, "blocked", "Traffic is blocked: the tunnel is down, and nothing may go around it.");
    const disabled = example({ configuration: { enablement: "disabled" } });
    check(disabled, "disconnected", "Disabled. It connects only after being enabled.");
  });

  it("says so in German, but for what only the helper knows", () => {
    const sentence = (message: string) => {
      const entry = example({ session: { lastError: { ...FAILED, message } } });
      return face(entry, { link: ATTACHED, machine: OPEN, entries: [entry], now: NOW }, GERMAN).sentence;
    };
    expect(sentence(FAILED.message)).toBe("Nicht verbunden. Der Server antwortet nicht.");
    expect(sentence("Port 7 is closed.")).toBe("Nicht verbunden. Port 7 is closed.");
  });

  it("says when it connects by itself", () => {
    const armed = (index?: number, retryAt?: string, obstacle?: Obstacle) =>
      example({
        configuration: { onDemand: { enabled: true, rules: [{ action: "connect" }, { action: "disconnect" }] } },
        session: {
          onDemand: {
            state: "armed",
            ...(index !== undefined && { rule: { index, action: "a", reason: "r" } }),
            ...(retryAt && { retryAt }),
            ...(obstacle && { obstacle }),
          },
        },
      });
    check(armed(0), "waiting", "Not connected. Connects by itself when something uses the network.");
    check(armed(1), "waiting", "Not connected. The rule for this network keeps it so.");
    check(armed(), "waiting", "Not connected. Connects by itself when a rule says so.");
    check(armed(0, "2026-03-01T12:05:00Z"), "waiting", "Not connected. Tries again in 5 min.");
    check(armed(0, "2026-03-01T11:00:00Z"), "waiting", "Not connected. Tries again at once.");
    check(armed(0, undefined, { kind: "offline" }), "waiting", "Not connected. This computer is offline.");
    const inTheWay: Obstacle = { kind: "inTheWay", name: "work" };
    const later = "2026-03-01T12:05:00Z";
    check(armed(0, later, inTheWay), "waiting", "Not connected. “work” is connected and has the default route.");
    const foreign: Obstacle = { kind: "inTheWay", route: "10.0.0.0/8" };
    const said = "Not connected. The VPN of another user is connected and already leads to 10.0.0.0/8.";
    check(armed(0, later, foreign), "waiting", said);
    check(armed(0, later, { kind: "refused", message: "No.", code: "other" }), "waiting", "Not connected. No.");
    const paused = example({ session: { onDemand: { state: "paused", until: "nextNetwork" } } });
    check(paused, "disconnected", "Not connected. On demand is paused until the next network.");
  });
});

describe("a session that is up", () => {
  it("says for how long and what goes through", () => {
    const up = example({ session: { status: "connected", connectedAt: TWO_HOURS_AGO } });
    check(up, "connected", "Connected for 2 h 5 min. Only 10.0.0.0/8 goes through vpn.example.");
    expect(face(up, { link: ATTACHED, machine: OPEN, entries: [], now: NOW }, GERMAN).sentence).toBe(
      "Seit 2 h 5 min verbunden. Nur 10.0.0.0/8 läuft durch vpn.example.",
    );
  });

  it("says what is wrong with it", () => {
    const silent = example({ session: { status: "connected", health: [problem("Nothing has come back for 2 min")] } });
    check(silent, "noTraffic", "Connected, but nothing has come back for 2 min.");
    const blocked = example({
      session: { status: "connected", blocking: true, health: [problem("IPv6 has no way out.")] },
    });
    check(blocked, "blocked", "Traffic is blocked: IPv6 has no way out.");
    const moving = example({ session: { status: "reasserting", health: [problem("The network changed")] } });
    check(moving, "reasserting", "Reconnecting: the network changed. Its traffic is held meanwhile.");
  });
});

describe("a session that is coming up", () => {
  it("says after three seconds what it waits for", () => {
    const coming = example({ session: { status: "connecting" } });
    const at = (seconds: number) => ({ since: new Date(NOW.getTime() - seconds * 1000) });
    check(coming, "connecting", "Connecting to vpn.example …", at(2));
    check(coming, "connecting", "Connecting to vpn.example: waiting for vpn.example to answer …", at(4));
  });

  it("says that traffic is held", () => {
    const held = example({ session: { status: "connecting", blocking: true } });
    check(held, "connecting", "Connecting to vpn.example … Traffic is held meanwhile.");
  });
});

describe("a session of a service that cannot be asked", () => {
  it("is not claimed to be anything", () => {
    const entry = example({ session: { status: "connected", connectedAt: TWO_HOURS_AGO } });
    const around = { link: { state: "missing" } as const, machine: OPEN, entries: [entry], now: NOW };
    expect(face(entry, around, ENGLISH)).toEqual({
      shape: "serviceMissing",
      sentence: "Whether this is connected is not known while the Adit service cannot be asked.",
      line: "State unknown",
    });
  });
});

describe("the switch", () => {
  it("is on from the start until the wish to end", () => {
    const wanted = ["connecting", "connected", "reasserting"] as const;
    const unwanted = ["disconnected", "disconnecting", "invalid"] as const;
    expect(wanted.every((status) => isWanted({ ...example().session, status }))).toBe(true);
    expect(unwanted.some((status) => isWanted({ ...example().session, status }))).toBe(false);
  });
});

describe("a sentence in another", () => {
  it("loses its full stop, and its capital unless that is a name's", () => {
    expect(["The server is gone.", "IPv6 is blocked.", "A route", ""].map((text) => inSentence(text, ENGLISH))).toEqual([
      "the server is gone",
      "IPv6 is blocked",
      "a route",
      "",
    ]);
    expect(inSentence("Namen lassen sich nicht auflösen.", GERMAN)).toBe("Namen lassen sich nicht auflösen");
  });
});

interface Around {
  machine?: MachineStatus;
  others?: Entry[];
  since?: Date;
}

function check(entry: Entry, shape: Shape, sentence: string, { machine = OPEN, others = [], since }: Around = {}): void {
  const around = { link: ATTACHED, machine, entries: [entry, ...others], now: NOW, ...(since && { since }) };
  expect(face(entry, around, ENGLISH)).toMatchObject({ shape, sentence });
}
