import { describe, expect, it } from "vitest";

import { languageFor, wantedLanguages } from "./language";

describe("the language", () => {
  it("is the first wanted one that there is", () => {
    expect(languageFor(["fr-FR", "de-AT", "en"]).tag).toBe("de-AT");
    expect(languageFor(["fr", "ja"]).tag).toBe("en");
    expect(languageFor([]).m.app.name).toBe("Adit");
  });

  it("is the one that was chosen, before those of the session", () => {
    expect(languageFor(wantedLanguages("german", ["en-GB"])).tag).toBe("de");
    expect(languageFor(wantedLanguages("session", ["en-GB"])).tag).toBe("en-GB");
  });

  it("can be read from right to left", () => {
    expect(languageFor(["en-x-mirrored"]).direction).toBe("rtl");
  });
});
