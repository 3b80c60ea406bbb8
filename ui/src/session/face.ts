// A session in a shape and in one sentence that is always true and complete.

import { isAttached, type Link } from "../helper/helper";
import type { Entry, HealthItem, MachineStatus, Obstacle, PauseEnd, SessionStatus } from "../helper/types";
import type { Language } from "../messages/language";
import { refusedStartInWords } from "../messages/refusals";
import { failureSentence } from "./failure";
import { isThroughForeign } from "./foreign";
import { expectedTraffic, isPerApp, takesDefault, trafficSentence } from "./traffic";

export type Shape =
  | "disconnected"
  | "waiting"
  | "connecting"
  | "connected"
  | "reasserting"
  | "noTraffic"
  | "blocked"
  | "problem"
  | "serviceMissing";

export interface Face {
  shape: Shape;
  /** For the head: complete. */
  sentence: string;
  /** For the list: a few words. */
  line: string;
}

/** What else decides what is true of a session. */
export interface Surroundings {
  link: Link;
  machine: MachineStatus;
  entries: readonly Entry[];
  now: Date;
  /** Since when the session is in its state, as far as it was watched. */
  since?: Date;
}

/** A connection that takes longer says what it waits for. */
const PATIENCE_MS = 3000;

export function face(entry: Entry, around: Surroundings, language: Language): Face {
  const { m } = language;
  const { configuration, session } = entry;
  const server = configuration.protocol.serverAddress;
  if (!isAttached(around.link)) return { shape: "serviceMissing", sentence: m.sentence.unknown, line: m.row.unknown };
  switch (session.status) {
    case "invalid":
      return { shape: "problem", sentence: m.sentence.invalid, line: m.sentence.invalid };
    case "disconnected":
      return disconnected(entry, around, language);
    case "connecting":
      return { shape: "connecting", sentence: connecting(entry, around, language), line: m.row.connecting(server) };
    case "connected":
      return connected(entry, around, language);
    case "reasserting": {
      const item = worst(session);
      const reason = item ? inSentence(item.title, language) : m.sentence.waitingForAnswer(server);
      return { shape: "reasserting", sentence: m.sentence.reasserting(reason), line: m.row.reasserting };
    }
    case "disconnecting":
      return { shape: "connecting", sentence: m.sentence.disconnecting(server), line: m.row.disconnecting };
  }
}

/** Whether the switch is on: somebody wants the connection, whether it stands or not. */
export function isWanted(session: SessionStatus): boolean {
  return session.status === "connecting" || session.status === "connected" || session.status === "reasserting";
}

/** The health item to mention when only one can be. */
export function worst(session: SessionStatus): HealthItem | undefined {
  const health = session.health ?? [];
  return health.find((item) => item.severity === "problem") ?? health.find((item) => item.severity === "warning");
}

/** A pause's end, to follow “paused”. */
export function pauseEnd(end: PauseEnd, now: Date, language: Language): string {
  const { onDemand } = language.m;
  switch (end.until) {
    case "time":
      return onDemand.untilTime(language.moment(new Date(end.at), now));
    case "nextNetwork":
      return onDemand.untilNetwork;
    case "nextBoot":
      return onDemand.untilBoot;
    case "byHand":
      return onDemand.untilHand;
  }
}

/** `in 5 min`, or `at once` for a moment that is past. */
export function inFuture(moment: string, now: Date, language: Language): string {
  const seconds = (new Date(moment).getTime() - now.getTime()) / 1000;
  return seconds < 1 ? language.m.time.soon : language.m.time.in(language.span(seconds));
}

/** A sentence or title as a part of another: without full stop, and where the language has it so without capital, unless it is
 * a name such as IPv6. */
export function inSentence(text: string, { tag }: Language): string {
  const bare = text.trim().replace(/\.$/, "");
  const [first = "", second = ""] = bare;
  const isWord = second === " " || second !== second.toUpperCase();
  // In German it may begin with a noun.
  return isWord && !/^de\b/i.test(tag) ? first.toLowerCase() + bare.slice(1) : bare;
}

function disconnected({ configuration, session }: Entry, around: Surroundings, language: Language): Face {
  const { m } = language;
  const failure = session.lastError && failureSentence(session.lastError, language);
  if (session.blocking) {
    const cause = failure === undefined ? m.sentence.blockedPlain : inSentence(failure, language);
    return { shape: "blocked", sentence: m.sentence.blocked(cause), line: m.row.blocked };
  }
  if (configuration.enablement === "disabled")
    return { shape: "disconnected", sentence: m.sentence.disabled, line: m.row.disabled };
  if (failure !== undefined && session.onDemand?.state !== "armed")
    return { shape: "problem", sentence: m.sentence.failed(failure), line: m.row.failed };
  if (session.onDemand?.state === "paused") {
    const sentence = m.sentence.paused(pauseEnd(session.onDemand, around.now, language));
    return { shape: "disconnected", sentence, line: m.row.paused };
  }
  if (session.onDemand?.state === "armed") return armed({ configuration, session }, around, language);
  if (configuration.enablement === "setAside")
    return { shape: "disconnected", sentence: m.sentence.setAside, line: m.row.setAside };
  return {
    shape: "disconnected",
    sentence: isPerApp(configuration) ? m.sentence.appsClosed : whereTrafficGoes(configuration.id, around, language),
    line: configuration.protocol.serverAddress,
  };
}

function armed({ configuration, session }: Entry, around: Surroundings, language: Language): Face {
  const { m } = language;
  const face = (sentence: string): Face => ({ shape: "waiting", sentence, line: m.row.waiting });
  if (session.onDemand?.state !== "armed") return face(m.sentence.plain);
  const { rule, retryAt, obstacle } = session.onDemand;
  if (obstacle !== undefined) return face(m.sentence.failed(obstacleSentence(obstacle, language)));
  if (retryAt !== undefined) return face(m.sentence.retry(inFuture(retryAt, around.now, language)));
  const action = rule && configuration.onDemand?.rules?.[rule.index]?.action;
  switch (action) {
    case "connect":
      return face(m.sentence.waitsForTraffic);
    case "evaluateConnection":
      return face(m.sentence.waitsForNames);
    case "disconnect":
      return face(m.sentence.keptOff);
    case "ignore":
    case undefined:
      return face(m.sentence.waitsForNetwork);
  }
}

/** Why there is no session although the rule wants one. */
export function obstacleSentence(obstacle: Obstacle, language: Language): string {
  const { m } = language;
  switch (obstacle.kind) {
    case "offline":
      return m.onDemand.offline;
    case "inTheWay":
      return m.onDemand.inTheWay(obstacle.name, obstacle.route);
    case "refused":
      return refusedStartInWords(obstacle, language);
  }
}

function whereTrafficGoes(id: string, { machine, entries }: Surroundings, language: Language): string {
  const { sentence } = language.m;
  const up = entries.filter((other) => other.configuration.id !== id && other.session.status === "connected");
  const full = up.find((other) => takesDefault(expectedTraffic(other.configuration)));
  if (full) return sentence.throughOther(full.configuration.name);
  if (isThroughForeign(machine)) return sentence.throughForeign;
  if (machine.blocking && machine.lockdown)
    return machine.lockdown.allowLocalNetworks ? sentence.lockedLocal : sentence.locked;
  // With a tunnel for some networks, or a hold of another's, “directly” would be half the truth.
  return up.length > 0 || machine.blocking ? sentence.plain : sentence.direct;
}

function connecting({ configuration, session }: Entry, { now, since }: Surroundings, language: Language): string {
  const { sentence } = language.m;
  const server = configuration.protocol.serverAddress;
  const item = worst(session);
  const isSlow = since !== undefined && now.getTime() - since.getTime() > PATIENCE_MS;
  const what = item ? inSentence(item.title, language) : sentence.waitingForAnswer(server);
  const said = isSlow || item ? sentence.connectingWaits(server, what) : sentence.connecting(server);
  return session.blocking ? `${said} ${sentence.held}` : said;
}

function connected({ configuration, session }: Entry, { now }: Surroundings, language: Language): Face {
  const { m } = language;
  const server = configuration.protocol.serverAddress;
  const problem = session.health?.find((item) => item.severity === "problem");
  if (session.blocking) {
    const cause = problem ? inSentence(problem.title, language) : m.sentence.blockedUp;
    return { shape: "blocked", sentence: m.sentence.blocked(cause), line: m.row.blocked };
  }
  const span =
    session.connectedAt === undefined
      ? undefined
      : language.span((now.getTime() - new Date(session.connectedAt).getTime()) / 1000);
  const line = span === undefined ? server : m.row.connected(span, server);
  if (problem) return { shape: "noTraffic", sentence: m.sentence.butProblem(inSentence(problem.title, language)), line: problem.title };
  const time = span === undefined ? m.sentence.connectedNow : m.sentence.connected(span);
  const traffic = trafficSentence(expectedTraffic(configuration), server, language);
  return { shape: "connected", sentence: traffic === undefined ? time : `${time} ${traffic}`, line };
}
