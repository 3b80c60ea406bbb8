import { describe, expect, it } from "vitest";

import type { Note } from "../helper/types";
import { languageFor } from "./language";
import { noteInWords } from "./notes";

describe("a note", () => {
  const note: Note = { severity: "warning", code: "command.not-run", line: 4, key: "PostUp", arguments: { command: "iptables -F" }, text: "?" };

  it("is said in the language of the app", () => {
    expect(noteInWords(note, languageFor(["en"]))).toBe("Line 4: The PostUp command will not be run: iptables -F");
    expect(noteInWords(note, languageFor(["de"]))).toBe("Zeile 4: Der Befehl PostUp wird nicht ausgeführt: iptables -F");
  });

  it("counts networks beyond the first", () => {
    const some: Note = { severity: "notice", code: "route.some", text: "?", arguments: { dns: "true", networks: "10.0.0.0/8", more: "2", server: "a.test" } };
    expect(noteInWords(some, languageFor(["en"]))).toBe("Only DNS and traffic to 10.0.0.0/8 and 2 other networks will go through a.test.");
  });
});
