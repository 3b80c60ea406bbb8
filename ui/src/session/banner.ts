// What there is to do about a session: what happened, why, the one thing to do, and a way out.

import type { DisconnectError, Entry, MachineStatus } from "../helper/types";
import type { Language } from "../messages/language";
import { CONNECTION, failureSentence } from "./failure";

export interface Banner {
  tone: "stop" | "hold" | "plain";
  title: string;
  text: string;
  primary: Step;
  wayOut?: Step;
}

/** Something that can be done, and its name on a button. */
export interface Step {
  does: "start" | "stop" | "reconnect" | "enable" | "edit" | "logs" | "liftLockdown";
  label: string;
}

export function banner({ configuration, session }: Entry, machine: MachineStatus, language: Language): Banner | undefined {
  const { m } = language;
  const tryAgain: Step = { does: "start", label: m.banner.tryAgain };
  if (session.status === "connected" || session.status === "reasserting") return running(session.health, language);
  if (session.status !== "disconnected") return undefined;
  if (session.blocking) {
    const label = machine.lockdown ? m.banner.giveUp : m.banner.openNetwork;
    return {
      tone: "stop",
      title: m.banner.blocked,
      text: [session.lastError && failureSentence(session.lastError, language), m.banner.blockedWhy(configuration.name)].filter(Boolean).join(" "),
      primary: tryAgain,
      wayOut: { does: "stop", label },
    };
  }
  if (configuration.enablement === "disabled")
    return {
      tone: "plain",
      title: m.banner.enabledFirst,
      text: m.banner.enabledFirstWhy,
      primary: { does: "enable", label: m.banner.enable },
    };
  if (session.lastError) return failed(session.lastError, tryAgain, language);
  if (machine.lockdown && machine.blocking)
    return {
      tone: "hold",
      title: m.banner.lockdown,
      text: m.banner.lockdownWhy,
      primary: { does: "start", label: m.banner.connect },
      wayOut: { does: "liftLockdown", label: m.banner.lockdownOff },
    };
  return undefined;
}

function running(health: Entry["session"]["health"], { m }: Language): Banner | undefined {
  const problem = health?.find((item) => item.severity === "problem");
  return (
    problem && {
      tone: "hold",
      title: problem.title,
      text: problem.text,
      primary: { does: "reconnect", label: m.banner.reconnect },
      wayOut: { does: "stop", label: m.banner.disconnect },
    }
  );
}

function failed(error: DisconnectError, tryAgain: Step, language: Language): Banner {
  const { m } = language;
  const edit: Step = { does: "edit", label: m.banner.edit };
  const logs: Step = { does: "logs", label: m.banner.logs };
  const [text, wayOut] = advice(error, m.banner.advice, edit, logs);
  return {
    tone: "stop",
    title: failureSentence(error, language),
    text,
    primary: tryAgain,
    wayOut,
  };
}

/** What to do by Apple's numbers; a provider's own errors say so themselves. */
function advice(error: DisconnectError, says: Language["m"]["banner"]["advice"], edit: Step, logs: Step): [string, Step] {
  if (error.domain !== CONNECTION) return ["", logs];
  switch (error.code) {
    case 2:
      return [says.offline, logs];
    case 1:
    case 3:
      return [says.again, logs];
    case 4:
      return [says.configuration, edit];
    case 5:
      return [says.name, edit];
    case 6:
      return [says.silent, edit];
    case 7:
      return [says.dead, logs];
    case 8:
      return [says.refused, edit];
    case 9:
    case 10:
    case 11:
    case 17:
    case 18:
    case 19:
      return [says.certificate, logs];
    case 12:
      return [says.crashed, logs];
    case 14:
      return [says.provider, logs];
    case 16:
      return [says.ended, logs];
    default:
      return ["", logs];
  }
}
