import { describe, expect, it, vi } from "vitest";

import type { App } from "../app";
import type { InvalidField, Json, Provider, VpnConfiguration } from "../helper/types";
import type { Language } from "../messages/language";
import { ENGLISH, GERMAN } from "../session/examples";
import { Editing } from "./editing.svelte";

describe("a configuration that somebody else saves while it is edited", () => {
  it("keeps what both have changed, and waits where both have changed the same", async () => {
    const editing = edit({ mtu: 1400, port: 1, retries: 3 });
    editing.set(["name"], "Mine");
    editing.setOwn(["mtu"], 1380);
    editing.follow(stored({ mtu: 1300, port: 2, retries: 3 }, 2));
    expect(editing.own).toEqual({ mtu: 1380, port: 2, retries: 3 });
    expect(editing.conflicts).toMatchObject([{ mine: 1380, theirs: 1300 }]);
    expect(editing.canSave).toBe(false);

    for (const conflict of editing.conflicts) editing.decide(conflict, "theirs");
    expect(editing.own).toEqual({ mtu: 1300, port: 2, retries: 3 });
    expect(editing.configuration.name).toBe("Mine");
    expect(editing.canSave).toBe(true);
    expect(await editing.save()).toMatchObject({ name: "Mine", generation: 2 });
  });

  it("keeps mine where I say so", () => {
    const editing = edit({ mtu: 1400 });
    editing.setOwn(["mtu"], 1380);
    editing.follow(stored({ mtu: 1300 }, 2));
    for (const conflict of editing.conflicts) editing.decide(conflict, "mine");
    expect(editing.own).toEqual({ mtu: 1380 });
    expect([editing.canSave, editing.configuration.generation]).toEqual([true, 2]);
  });

  it("takes what changed into the text that is open", async () => {
    const editing = edit({ mtu: 1400 });
    await editing.showText();
    editing.follow(stored({ mtu: 1300 }, 2));
    expect(JSON.parse(editing.text ?? "")).toEqual({ mtu: 1300 });
    expect(editing.isChanged).toBe(false);
  });

  it("loses nothing of a text that was not right at that moment", async () => {
    const editing = edit({ mtu: 1400, port: 1 });
    await editing.showText();
    editing.typed('{ "mtu": 13');
    await editing.understand();
    expect(editing.textProblem).toBeDefined();
    editing.follow(stored({ mtu: 1400, port: 2 }, 2));
    editing.typed('{ "mtu": 1380, "port": 1 }');
    await editing.understand();
    expect(editing.own).toEqual({ mtu: 1380, port: 2 });
    expect(editing.conflicts).toEqual([]);
  });
});

describe("what the service would refuse", () => {
  it("is said with the name of its field, in the language of the app", async () => {
    const invalid: InvalidField = { field: "protocol.providerConfiguration.mtu", reason: "must not be empty", fault: { code: "empty" } };
    const said = async (language: Language) => {
      const editing = edit({ mtu: 1400 }, language, invalid);
      await vi.waitUntil(() => editing.refusal);
      return editing.refusal?.sentence;
    };
    expect(await said(ENGLISH)).toBe("mtu: must not be empty.");
    expect(await said(GERMAN)).toBe("mtu: darf nicht leer sein.");
  });
});

const number = { type: "integer", minimum: 0, maximum: 70_000 };
const PROVIDER: Provider = {
  id: "org.example",
  name: "Example",
  kinds: ["packet-tunnel"],
  configurationSchema: { type: "object", properties: { mtu: number, port: number, retries: number } },
};

function edit(own: { [key: string]: Json }, language = ENGLISH, invalid?: InvalidField): Editing {
  const helper = {
    check: async (configuration: VpnConfiguration) => ({ configuration, notes: [], ...(invalid && { invalid }) }),
    save: async (configuration: VpnConfiguration) => configuration,
  };
  return new Editing({ helper, language } as unknown as App, PROVIDER, stored(own, 1), []);
}

function stored(providerConfiguration: { [key: string]: Json }, generation: number): VpnConfiguration {
  return {
    id: "1",
    generation,
    name: "Home",
    enablement: "enabled",
    scope: "user",
    owner: 1000,
    protocol: { providerId: PROVIDER.id, serverAddress: "a", providerConfiguration },
  };
}
