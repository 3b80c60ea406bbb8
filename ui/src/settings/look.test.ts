import { describe, expect, it } from "vitest";

import { applyLook, keepLook, keptLook, type Look } from "./look";

const USUAL: Look = { theme: "system", contrast: "system", bytes: "decimal", rates: "bytes" };

describe("the look of the window", () => {
  it("is kept", () => {
    const kept = new Map<string, string>();
    const storage = { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) };
    expect(keptLook(storage)).toEqual(USUAL);
    const look: Look = { theme: "dark", contrast: "more", bytes: "binary", rates: "bits" };
    keepLook(storage, look);
    expect(keptLook(storage)).toEqual(look);
  });

  it("is as usual where what was kept means nothing", () => {
    for (const text of ["", "null", "{", '{"theme":"pink","contrast":7,"bytes":8}', "[]"])
      expect(keptLook({ getItem: () => text })).toEqual(USUAL);
  });

  it("is written on the page and taken off again", () => {
    const root = { dataset: {} as DOMStringMap };
    applyLook(root, { theme: "light", contrast: "more" }, false);
    expect(root.dataset).toEqual({ theme: "light", contrast: "more" });
    applyLook(root, { theme: "system", contrast: "system" }, false);
    expect(root.dataset).toEqual({});
    applyLook(root, { theme: "system", contrast: "system" }, true);
    expect(root.dataset).toEqual({ contrast: "more" });
  });
});
