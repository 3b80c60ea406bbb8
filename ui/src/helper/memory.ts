// A helper in the browser's memory: pages are developed and photographed against it. It starts in a scripted state
// (`?state=blocked`, see `memory/scenes.ts`) and from there does what it is told.

import schema from "../../../crates/wireguard/schema.json";
import type { OnDemandExplanation } from "./bindings";
import type { Change, Helper, SecretChanges, Secrets, StoredConfiguration } from "./helper";
import { Refused } from "./helper";
import { details, followedLog, recordingsOf, selfTest, transferred } from "./memory/answers";
import { findings } from "./memory/findings";
import { onDemandExplanation } from "./memory/on-demand";
import { history } from "./memory/examples";
import { memoryProfiles, type Store } from "./memory/profiles";
import { sceneOf, type Scene } from "./memory/scenes";
import type { Profiles } from "./profiles";
import type { Recording } from "../transfer/recording";
import type {
  AppSettings,
  AskedSecrets,
  Counters,
  Entry,
  Json,
  LogLine,
  PauseEnd,
  ProfileOrigin,
  SecretPlace,
  SessionStatus,
  VpnConfiguration,
} from "./types";

/** How long a connection takes to come up. */
const HANDSHAKE_MS = 1800;

/** A helper in the asked state, and five minutes of traffic that were recorded of what is up. */
export function rehearsal(asked: URLSearchParams): { helper: Helper; recordings: ReadonlyMap<string, Recording> } {
  const now = new Date();
  const scene = sceneOf(asked.get("state"), now);
  const sessions = new MemoryHelper(scene, asked.get("state") === "connecting");
  const helper = Object.assign(sessions, memoryProfiles(sessions));
  // For pictures of what happens then.
  addEventListener("somebody-else-saves", (event) => sessions.saveOwn((event as CustomEvent<{ [key: string]: Json }>).detail));
  return { helper, recordings: recordingsOf(scene.entries, now) };
}

/** Of nobody. */
const EXAMPLE_KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

function changed(secrets: Secrets, changes: SecretChanges): Secrets {
  const left = { ...secrets };
  for (const [name, change] of Object.entries(changes)) {
    if ("set" in change && change.set !== undefined) left[name] = change.set;
    else if ("keyOf" in change && change.keyOf !== undefined) left[name] = EXAMPLE_KEY;
    else delete left[name];
  }
  return left;
}

class MemoryHelper implements Omit<Helper, keyof Profiles>, Store {
  #scene: Scene;
  /** A connection that is being made stays so, to be looked at. */
  #stuck: boolean;
  #listeners = new Set<(change: Change) => void>();
  #settings: AppSettings = { settings: { language: "session", notifications: "changes" }, startsAtLogin: true };
  #secrets = new Map<string, Secrets>();
  #asking: ((asked: AskedSecrets[]) => void) | undefined;

  constructor(scene: Scene, stuck: boolean) {
    this.#scene = scene;
    this.#stuck = stuck;
  }

  watch(listener: (change: Change) => void): void {
    this.#listeners.add(listener);
    const { link, entries, machine } = this.#scene;
    if (entries.length > 0 || link.state === "attached") listener({ kind: "snapshot", entries, machine });
    listener({ kind: "link", link });
  }

  async start(id: string): Promise<void> {
    const { configuration } = this.#entry(id);
    if (configuration.enablement === "disabled")
      throw new Refused({ kind: "disabled", sentence: `“${configuration.name}” is disabled.` });
    this.#session(id, { status: "connecting", interface: "adit0", blocking: false }, ["lastError", "health"]);
    if (this.#stuck) return;
    setTimeout(() => {
      if (this.#entry(id).session.status !== "connecting") return;
      this.#session(id, { status: "connected", connectedAt: new Date().toISOString() });
    }, HANDSHAKE_MS);
  }

  async stop(id: string): Promise<void> {
    if (this.#entry(id).session.status === "disconnected")
      return this.#session(id, { blocking: false }, ["lastError", "health"]);
    this.#session(id, { status: "disconnecting" });
    setTimeout(() => {
      const gone: (keyof SessionStatus)[] = ["connectedAt", "interface", "health", "lastError"];
      this.#session(id, { status: "disconnected", blocking: false }, gone);
    }, 300);
  }

  async setEnabled(id: string, enabled: boolean): Promise<void> {
    const { configuration } = this.#entry(id);
    this.#store({ ...configuration, enablement: enabled ? "enabled" : "disabled" });
  }

  async details(id: string) {
    return details(this.#entry(id), new Date());
  }

  async counters(id: string): Promise<Counters | undefined> {
    const { session } = this.#entry(id);
    return session.interface === undefined ? undefined : transferred(session, new Date());
  }

  async history(id: string) {
    return history(this.#entry(id), new Date());
  }

  async get(id: string, includeSecrets: boolean): Promise<StoredConfiguration> {
    const { configuration } = this.#entry(id);
    const secrets = this.secrets(id);
    return { configuration, ...(includeSecrets && { secrets }), secretNames: Object.keys(secrets) };
  }

  async save(configuration: VpnConfiguration, changes: SecretChanges = {}): Promise<VpnConfiguration> {
    const taken = this.#scene.entries.some(
      (entry) => entry.configuration.name === configuration.name && entry.configuration.id !== configuration.id,
    );
    const sentence = `There is already a configuration named “${configuration.name}”. Choose another name.`;
    if (taken) throw new Refused({ kind: "nameTaken", sentence, field: "name" });
    if (configuration.name.trim() === "")
      throw new Refused({ kind: "invalid", sentence: "The name must not be empty.", field: "name" });
    this.#secrets.set(configuration.id, changed(configuration.generation === 0 ? {} : this.secrets(configuration.id), changes));
    return this.#store({ ...configuration, generation: configuration.generation + 1 });
  }

  /** Changes the provider's part of what the scene is about. */
  saveOwn(fields: { [key: string]: Json }): void {
    const { configuration } = this.#entry(this.#scene.about ?? "");
    const { protocol, generation } = configuration;
    const providerConfiguration = { ...protocol.providerConfiguration, ...fields };
    this.#store({ ...configuration, generation: generation + 1, protocol: { ...protocol, providerConfiguration } });
  }

  async remove(id: string): Promise<void> {
    this.#scene.entries = this.#scene.entries.filter((entry) => entry.configuration.id !== id);
    this.#tell({ kind: "removed", id });
  }

  async providers() {
    return [{ id: "org.adit.wireguard", name: "WireGuard", kinds: ["packet-tunnel"], configurationSchema: schema as Json }];
  }

  watchAsked(listener: (asked: AskedSecrets[]) => void): () => void {
    listener(this.#scene.asked ?? []);
    this.#asking = listener;
    return () => (this.#asking = undefined);
  }

  async answerSecrets(number: number): Promise<void> {
    const request = this.#endRequest(number);
    if (request) this.#session(request.id, { status: "connected", interface: "adit0", connectedAt: new Date().toISOString() }, ["health"]);
  }

  async cancelSecrets(number: number): Promise<void> {
    const request = this.#endRequest(number);
    if (request) this.#session(request.id, { status: "disconnected" }, ["health"]);
  }

  async keepSecrets(id: string, place: SecretPlace | null): Promise<void> {
    const { configuration } = this.#entry(id);
    const { userSecrets: _, ...protocol } = configuration.protocol;
    const userSecrets = Object.fromEntries(Object.keys(this.secrets(id)).map((name) => [name, place ?? "keyring"]));
    const generation = configuration.generation + 1;
    this.#store({ ...configuration, generation, protocol: place ? { ...protocol, userSecrets } : protocol });
  }

  configuration(id: string): VpnConfiguration {
    return this.#entry(id).configuration;
  }

  secrets(id: string): Secrets {
    return this.#secrets.get(id) ?? { privateKey: EXAMPLE_KEY };
  }

  version({ profile, payload }: ProfileOrigin): VpnConfiguration | undefined {
    const isVersion = ({ profile: origin }: VpnConfiguration) => origin?.profile === profile && origin.payload === payload;
    return this.#scene.entries.map((entry) => entry.configuration).find(isVersion);
  }

  put(configuration: VpnConfiguration, secrets: Secrets): VpnConfiguration {
    this.#secrets.set(configuration.id, secrets);
    return this.#store({ ...configuration, generation: configuration.generation + 1 });
  }

  async selfTest() {
    return selfTest();
  }

  async setOnDemand(id: string, enabled: boolean): Promise<void> {
    const { configuration } = this.#entry(id);
    this.#store({ ...configuration, onDemand: { ...configuration.onDemand, enabled } });
    if (enabled) this.#session(id, { onDemand: { state: "armed" } });
    else this.#session(id, {}, ["onDemand"]);
  }

  async pauseOnDemand(id: string, until: PauseEnd): Promise<void> {
    this.#session(id, { onDemand: { state: "paused", ...until } });
  }

  async resumeOnDemand(id: string): Promise<void> {
    const rule = onDemandExplanation(this.#entry(id)).verdict?.current;
    this.#session(id, { onDemand: { state: "armed", ...(rule && { rule }) } });
  }

  async explainOnDemand(id: string): Promise<OnDemandExplanation> {
    return onDemandExplanation(this.#entry(id));
  }

  async diagnose() {
    return findings(this.#scene.entries);
  }

  async saveDiagnosis(): Promise<boolean> {
    return true;
  }

  async lockDown(allowLocalNetworks: boolean): Promise<void> {
    const machine = { lockdown: { allowLocalNetworks, setBy: 1000 }, blocking: true };
    this.#scene.machine = machine;
    this.#tell({ kind: "machine", machine });
  }

  async liftLockdown(): Promise<void> {
    this.#scene.machine = { blocking: false };
    this.#tell({ kind: "machine", machine: this.#scene.machine });
  }

  async explainRoute(address: string) {
    if (!/^[0-9a-f.:]+$/i.test(address)) throw new Refused({ kind: "invalid", sentence: `“${address}” is not an address.` });
    const up = this.#scene.entries.some((entry) => entry.session.status === "connected");
    return up
      ? {
          outcome: "leaves" as const,
          interface: "adit0",
          rule: "5150: from all lookup 44032",
          route: "default dev adit0 table 44032 proto 173",
        }
      : {
          outcome: "leaves" as const,
          interface: "wlan0",
          rule: "32766: from all lookup main",
          route: "default via 192.168.1.1 dev wlan0 proto dhcp",
        };
  }

  async explainDns(name: string) {
    const servers = [{ address: "10.20.0.1", interface: "adit0" }];
    return { resolver: "resolved" as const, lookups: [{ name, reason: "defaultRoute" as const, servers }] };
  }

  async settings() {
    return this.#settings;
  }

  async keepSettings(settings: AppSettings): Promise<void> {
    this.#settings = settings;
  }

  watchLogs(listener: (lines: LogLine[]) => void): () => void {
    return followedLog(listener);
  }

  async startService(): Promise<void> {
    const attached = { state: "attached" as const, version: "0.1.0" };
    this.#scene.link = attached;
    this.#tell({ kind: "snapshot", entries: this.#scene.entries, machine: this.#scene.machine });
    this.#tell({ kind: "link", link: attached });
  }

  async restartWindow(): Promise<void> {
    location.reload();
  }

  #endRequest(number: number): AskedSecrets | undefined {
    const request = this.#scene.asked?.find((asked) => asked.number === number);
    this.#scene.asked = this.#scene.asked?.filter((asked) => asked !== request) ?? [];
    this.#asking?.(this.#scene.asked);
    return request;
  }

  #entry(id: string): Entry {
    const entry = this.#scene.entries.find((candidate) => candidate.configuration.id === id);
    if (!entry) throw new Refused({ kind: "gone", sentence: "There is no such configuration." });
    return entry;
  }

  #store(configuration: VpnConfiguration): VpnConfiguration {
    const others = this.#scene.entries.filter((entry) => entry.configuration.id !== configuration.id);
    const known = this.#scene.entries.find((entry) => entry.configuration.id === configuration.id);
    const session = known?.session ?? { id: configuration.id, status: "disconnected", sequence: 0, blocking: false };
    this.#scene.entries = [...others, { configuration, session }];
    this.#tell({ kind: "saved", configuration });
    return configuration;
  }

  #session(id: string, change: Partial<SessionStatus>, without: (keyof SessionStatus)[] = []): void {
    const entry = this.#entry(id);
    const session = { ...entry.session, ...change, sequence: entry.session.sequence + 1 };
    for (const field of without) delete session[field];
    this.#scene.entries = this.#scene.entries.map((other) => (other === entry ? { ...entry, session } : other));
    this.#tell({ kind: "status", session });
  }

  #tell(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }
}
