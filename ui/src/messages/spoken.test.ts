import { describe, expect, it } from "vitest";

import { CHECK_CODES, HEALTH_CODES, type RefusalCode } from "../helper/bindings";
import { Refused } from "../helper/helper";
import type { Check, HealthItem } from "../helper/types";
import { ENGLISH, GERMAN } from "../session/examples";
import { checkInWords, healthInWords } from "./spoken";
import { invalidInWords, refusalInWords, refusedStartInWords } from "./refusals";

const ITEM: HealthItem = { code: "", severity: "warning", title: "A title", text: "A text.", action: "Do it." };

describe("what the helper says of health", () => {
  it("has words of its own in German for every code", () => {
    for (const code of HEALTH_CODES) {
      const { title, text, severity } = healthInWords({ ...ITEM, code }, GERMAN);
      expect(severity).toBe("warning");
      for (const words of [title, text]) {
        expect(words.trim(), code).not.toBe("");
        expect(words, code).not.toMatch(/undefined|A t/);
      }
    }
  });

  it("keeps what differs from one item to the other", () => {
    const of = (code: string, given: { [name: string]: string }) => healthInWords({ ...ITEM, code, arguments: given }, GERMAN);
    expect(of("dns.split-unavailable", { domains: "corp.example" }).text).toContain("lässt sich corp.example nicht");
    expect(of("blocked.failed", { name: "Abroad" }).title).toBe("Der Verkehr ist gesperrt: „Abroad“ ist gescheitert");
    expect(of("changed.routes", { times: "3", likely: "NetworkManager" }).text).toContain("3-mal. Es war vermutlich NetworkManager");
    expect(of("path.dead", { offline: "true" }).text).toMatch(/^Dieser Computer hat kein Netz\./);
  });

  it("stays as it is in English, and where the service is newer than the app", () => {
    expect(healthInWords({ ...ITEM, code: "path.dead" }, ENGLISH)).toEqual({ ...ITEM, code: "path.dead" });
    expect(healthInWords({ ...ITEM, code: "tomorrow" }, GERMAN)).toEqual({ ...ITEM, code: "tomorrow" });
  });
});

describe("what the helper has tried", () => {
  const check: Check = { code: "", subject: "A subject", outcome: "passed", text: "A text.", arguments: { what: "IPv4", output: "eth0" } };

  it("has words of its own in German for every code", () => {
    for (const code of CHECK_CODES) {
      const { subject, text } = checkInWords({ ...check, code }, GERMAN);
      for (const words of [subject, text]) expect(words, code).not.toMatch(/undefined|^$|A subject|A text/);
    }
    expect(checkInWords({ ...check, code: "past.leaves" }, GERMAN)).toMatchObject({
      subject: "IPv4 an den Tunneln vorbei",
      text: "Was ein Programm über eth0 sendet, geht hinaus, und nichts davon darf es.",
    });
  });

  it("stays as it is in English and where it is not known", () => {
    expect(checkInWords({ ...check, code: "past.leaves" }, ENGLISH).text).toBe("A text.");
    expect(checkInWords({ ...check, code: "tomorrow" }, GERMAN).text).toBe("A text.");
  });
});

describe("a text that is refused", () => {
  const refused = (cause: Refused["fault"]) => new Refused({ kind: "invalid", sentence: "In English.", ...(cause && { cause }) });

  it("says why in German with its line", () => {
    const wrong = refused({ code: "value", line: 3, key: "MTU", reason: "“x” is not a number of bytes such as 1420" });
    expect(refusalInWords(wrong, GERMAN)).toBe("Zeile 3: MTU stimmt nicht: gebraucht wird eine Zahl von Bytes wie 1420.");
    const unknown = refused({ code: "unknownKey", line: 7, key: "Adress", nearest: "Address" });
    expect(refusalInWords(unknown, GERMAN)).toBe("Zeile 7: Adress ist keine Einstellung von WireGuard; meinen Sie Address?");
  });

  it("says what is wrong with a field, and why a rule did not start its tunnel", () => {
    const taken = { field: "peers", reason: "is taken", fault: { code: "networkTaken", network: "10.0.0.0/8", peer: 1 } } as const;
    expect([ENGLISH, GERMAN].map((language) => invalidInWords(taken, language))).toEqual([
      "is taken",
      "10.0.0.0/8 gehört schon der Gegenstelle 1; jedes Netz führt nur zu einer",
    ]);
    const obstacle = (code: RefusalCode) => ({ kind: "refused", message: "No.", code, reason: "It is gone." }) as const;
    expect(refusedStartInWords(obstacle("provider"), GERMAN)).toBe("Der Provider lässt sich nicht benutzen: It is gone.");
    expect([refusedStartInWords(obstacle("provider"), ENGLISH), refusedStartInWords(obstacle("other"), GERMAN)]).toEqual(["No.", "No."]);
  });

  it("says it as the helper does where nothing else is known", () => {
    expect(refusalInWords(refused(undefined), GERMAN)).toBe("In English.");
    expect(refusalInWords(refused({ code: "noPeer" }), ENGLISH)).toBe("In English.");
    const taken = new Refused({ kind: "nameTaken", sentence: "In English." });
    expect([ENGLISH, GERMAN].map((language) => refusalInWords(taken, language))).toEqual([
      "In English.",
      "Eine Konfiguration dieses Namens gibt es schon. Wählen Sie einen anderen.",
    ]);
    const conflict = new Refused({ kind: "routesConflict", sentence: "In English.", arguments: { name: "Work", route: "10.0.0.0/8" } });
    expect(refusalInWords(conflict, GERMAN)).toMatch(/^„Work“ ist verbunden und führt schon zu 10\.0\.0\.0\/8\./);
    expect(refusalInWords(new TypeError("Odd."), GERMAN)).toBe("Odd.");
  });
});
