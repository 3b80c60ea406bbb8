import { describe, expect, it } from "vitest";

import type { TunnelProviderProtocol } from "../helper/types";
import { languageFor } from "../messages/language";
import { noteInWords } from "../messages/notes";
import { STRENGTHS, strengthOf, withStrength } from "./routing";

const PROTOCOL: TunnelProviderProtocol = { providerId: "org.example", serverAddress: "a" };

describe("the strength of routing", () => {
  it("is one of three and survives being chosen", () => {
    expect(strengthOf(PROTOCOL)).toBe("follow");
    for (const strength of STRENGTHS) expect(strengthOf(withStrength(PROTOCOL, strength))).toBe(strength);
  });

  it("goes back to what it was", () => {
    const enforced = withStrength({ ...PROTOCOL, excludeLocalNetworks: true }, "enforce");
    expect(withStrength(withStrength(enforced, "lockdown"), "enforce")).toEqual(enforced);
  });
});

describe("a note", () => {
  const note = { severity: "warning" as const, code: "command.not-run", line: 4, key: "PostUp", arguments: { command: "iptables -F" }, text: "?" };

  it("is said in the language of the app", () => {
    expect(noteInWords(note, languageFor(["en"]))).toBe("Line 4: The PostUp command will not be run: iptables -F");
    expect(noteInWords(note, languageFor(["de"]))).toBe("Zeile 4: Der Befehl PostUp wird nicht ausgeführt: iptables -F");
  });

  it("that is not known is said as it came", () => {
    expect(noteInWords({ severity: "notice", code: "new", text: "A sentence." }, languageFor(["de"]))).toBe("A sentence.");
  });

  it("counts networks beyond the first", () => {
    const some = { severity: "notice" as const, code: "route.some", text: "?", arguments: { dns: "true", networks: "10.0.0.0/8", more: "2", server: "a.test" } };
    expect(noteInWords(some, languageFor(["en"]))).toBe("Only DNS and traffic to 10.0.0.0/8 and 2 other networks will go through a.test.");
  });
});
