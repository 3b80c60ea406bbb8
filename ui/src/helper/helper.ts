// All that the pages ask of the helper. `tauri.ts` has it in the app, `memory.ts` in a browser.

import type { Check, Failure, FailureKind, Finding, ImportError, OnDemandExplanation, SecretChange } from "./bindings";
import type { Profiles } from "./profiles";
import type {
  AppSettings,
  AskedSecrets,
  Counters,
  DnsExplanation,
  Entry,
  LogLine,
  MachineStatus,
  PastSession,
  PauseEnd,
  Provider,
  RouteExplanation,
  SecretPlace,
  SessionDetails,
  SessionStatus,
  VpnConfiguration,
} from "./types";

export interface Helper extends Profiles {
  /** Tells of the link first, then everything, then each change. */
  watch(listener: (change: Change) => void): void;

  start(id: string): Promise<void>;
  stop(id: string): Promise<void>;
  setEnabled(id: string, enabled: boolean): Promise<void>;
  details(id: string): Promise<SessionDetails>;
  /** Absent while the session has no interface. */
  counters(id: string): Promise<Counters | undefined>;
  history(id: string): Promise<PastSession[]>;

  get(id: string, includeSecrets: boolean): Promise<StoredConfiguration>;
  /** With generation 0 it is created. Secrets that are not mentioned stay as they are. */
  save(configuration: VpnConfiguration, secretChanges?: SecretChanges): Promise<VpnConfiguration>;
  remove(id: string): Promise<void>;
  providers(): Promise<Provider[]>;

  /** Tells what is asked for at this moment, and again whenever that is something else. */
  watchAsked(listener: (asked: AskedSecrets[]) => void): () => void;
  /** Refuses when what was given cannot be remembered; the tunnel is started all the same. */
  answerSecrets(number: number, secrets: Secrets, remember: boolean): Promise<void>;
  cancelSecrets(number: number): Promise<void>;
  /** `null` is with the helper. */
  keepSecrets(id: string, place: SecretPlace | null): Promise<void>;

  setOnDemand(id: string, enabled: boolean): Promise<void>;
  pauseOnDemand(id: string, until: PauseEnd): Promise<void>;
  resumeOnDemand(id: string): Promise<void>;
  /** Which network the computer is in, and what the rules make of it. */
  explainOnDemand(id: string): Promise<OnDemandExplanation>;

  lockDown(allowLocalNetworks: boolean): Promise<void>;
  liftLockdown(): Promise<void>;

  explainRoute(address: string): Promise<RouteExplanation>;
  explainDns(name: string): Promise<DnsExplanation>;
  /** Takes some seconds. */
  selfTest(): Promise<Check[]>;
  /** How Adit and the network are at this moment, for somebody who helps: files without keys. */
  diagnose(): Promise<Finding[]>;
  /** Asks where, and writes those of the last findings that have one of these names. Whether that was not cancelled. */
  saveDiagnosis(name: string, files: string[]): Promise<boolean>;

  /** What was logged so far, then each line. */
  watchLogs(listener: (lines: LogLine[]) => void): () => void;
  settings(): Promise<AppSettings>;
  keepSettings(settings: AppSettings): Promise<void>;

  /** Tries to start the service, asking the user for authorisation if the system wants that. */
  startService(): Promise<void>;
  /** Opens the window anew, in the version that is installed. */
  restartWindow(): Promise<void>;
}

export type Change =
  | { kind: "link"; link: Link }
  | { kind: "snapshot"; entries: Entry[]; machine: MachineStatus }
  | { kind: "saved"; configuration: VpnConfiguration }
  | { kind: "removed"; id: string }
  | { kind: "status"; session: SessionStatus }
  | { kind: "machine"; machine: MachineStatus };

/** How the app and the helper stand. */
export type Link =
  | { state: "connecting" }
  | { state: "attached"; version: string }
  | { state: "missing" }
  /** Whichever of them is older was started before an update. */
  | { state: "otherVersion"; helper: string; app: string; older: "service" | "viewer" }
  /** Whoever listens is not to be trusted, or does not trust the user. */
  | { state: "untrusted"; reason: string }
  /** It does not answer as it should. */
  | { state: "failed"; reason: string };

/** Whether what is known is true at this moment. */
export function isAttached(link: Link): boolean {
  return link.state === "attached";
}

export type Secrets = { [name: string]: string };
export type SecretChanges = { [name: string]: SecretChange };

export interface StoredConfiguration {
  configuration: VpnConfiguration;
  secrets?: Secrets;
  /** Which are stored, whether or not they were asked for. */
  secretNames: string[];
}

/** Why the helper refused: a sentence that a person can act on. */
export class Refused extends Error {
  readonly kind: FailureKind;
  /** The path of the field that is wrong, where one is: `protocol.serverAddress`. */
  readonly field: string | undefined;
  /** The line of the text that is wrong, from 1, where one is. */
  readonly line: number | undefined;

  /** What is wrong with a text of WireGuard, for those who say it in another language. */
  readonly fault: ImportError | undefined;
  /** What differs from one refusal of a kind to the other, for them too. */
  readonly given: { [name: string]: string };

  constructor({ kind, sentence, field, line, cause, arguments: given = {} }: Failure) {
    super(sentence);
    this.name = "Refused";
    this.kind = kind;
    this.field = field;
    this.line = line;
    this.fault = cause;
    this.given = given;
  }
}
