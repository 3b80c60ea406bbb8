import { describe, expect, it } from "vitest";

import { hashOf, pageOf, parentOf, type Page } from "./page";

const PAGES: Page[] = [
  { kind: "home" },
  { kind: "configuration", id: "a b/c" },
  { kind: "edit", id: "1" },
  { kind: "onDemand", id: "1" },
  { kind: "share", id: "1" },
  { kind: "create" },
  { kind: "import" },
  { kind: "settings" },
  { kind: "logs" },
  { kind: "diagnosis" },
  { kind: "about" },
];

describe("pages", () => {
  it("are the same after being written as an address", () => {
    for (const page of PAGES) expect(pageOf(hashOf(page))).toEqual(page);
  });

  it("are home for an address that means nothing", () => {
    for (const hash of ["", "#", "#/nowhere", "#/edit", "#/edit/"]) expect(pageOf(hash)).toEqual({ kind: "home" });
  });

  it("lead home by going back often enough", () => {
    for (const page of PAGES) {
      expect(parentOf(parentOf(page))).toEqual({ kind: "home" });
    }
  });
});
