import { describe, expect, it } from "vitest";

import { commandOf, opensSwitcher, type Pressed } from "./keys";

describe("keys", () => {
  it("lead to pages with Ctrl alone", () => {
    const commands = ["n", "i", ",", "l", "N"].map((key) => commandOf(pressed(key, { ctrlKey: true })));
    expect(commands).toEqual(["create", "import", "settings", "logs", "create"]);
    expect(commandOf(pressed("n"))).toBeUndefined();
    expect(commandOf(pressed("n", { ctrlKey: true, shiftKey: true }))).toBeUndefined();
    expect(commandOf(pressed("x", { ctrlKey: true }))).toBeUndefined();
  });

  it("lead back and to the quick switcher", () => {
    expect(commandOf(pressed("Escape"))).toBe("back");
    expect([opensSwitcher(pressed("k", { ctrlKey: true })), opensSwitcher(pressed("k"))]).toEqual([true, false]);
  });
});

function pressed(key: string, modifiers: Partial<Pressed> = {}): Pressed {
  return { key, ctrlKey: false, altKey: false, shiftKey: false, metaKey: false, ...modifiers };
}
