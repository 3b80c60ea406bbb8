import { describe, expect, it } from "vitest";

import { ENGLISH, example } from "./examples";
import { activeTraffic, expectedTraffic, takesAll, takesDefault, trafficSentence } from "./traffic";

const FIVE = ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/24"];

describe("what goes through", () => {
  it.each([
    [[], [], undefined],
    [["0.0.0.0/0", "::/0"], [], "All traffic goes through S."],
    [["0.0.0.0/1", "128.0.0.0/1", "::/0"], [], "All traffic goes through S."],
    [["0.0.0.0/0"], [], "All IPv4 traffic goes through S."],
    [["0.0.0.0/0"], ["::/0"], "All IPv4 traffic goes through S. IPv6 is blocked."],
    [["0.0.0.0/0", "fd00::/8"], [], "All IPv4 traffic and fd00::/8 go through S."],
    [["10.0.0.0/8"], [], "Only 10.0.0.0/8 goes through S."],
    [["10.0.0.0/8", "fd00::/8"], ["192.0.2.0/24"], "Only 10.0.0.0/8 and fd00::/8 go through S. 192.0.2.0/24 is blocked."],
    [FIVE, [], "Only 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 2 more networks go through S."],
  ])("is said of %j with %j blocked", (inside, blocked, sentence) => {
    expect(trafficSentence({ everything: false, perApp: false, inside, outside: [], blocked }, "S", ENGLISH)).toBe(sentence);
  });

  it("is everything where nothing may go around it", () => {
    const traffic = expectedTraffic(example({ protocol: { includeAllNetworks: true } }).configuration);
    expect(trafficSentence(traffic, "S", ENGLISH)).toBe("All traffic goes through S.");
    expect([takesAll(traffic), takesDefault(traffic)]).toEqual([true, true]);
  });

  it("is what certain apps send, whatever the routes", () => {
    const entry = example({ configuration: { routingMethod: "sourceApplication" }, protocol: { expectedRoutes: ["0.0.0.0/0", "::/0"] } });
    const traffic = expectedTraffic(entry.configuration);
    expect(trafficSentence(traffic, "S", ENGLISH)).toBe("Only what “adit run” has started goes through S.");
    expect([takesAll(traffic), takesDefault(traffic)]).toEqual([false, false]);
  });

  it("is refused in a family without an address", () => {
    const { configuration } = example({
      protocol: { expectedRoutes: ["0.0.0.0/0", "::/0"], providerConfiguration: { addresses: ["10.0.0.2/32"] } },
    });
    expect(expectedTraffic(configuration)).toMatchObject({ inside: ["0.0.0.0/0"], blocked: ["::/0"] });
  });

  it("is what the settings in force say", () => {
    const settings = {
      tunnelRemoteAddress: "192.0.2.1",
      ipv4: {
        addresses: ["10.0.0.2/32"],
        includedRoutes: [{ destination: "0.0.0.0/0" }],
        excludedRoutes: [{ destination: "192.168.1.0/24" }],
      },
      blockedRoutes: ["::/0"],
    };
    expect(activeTraffic(example().configuration, settings)).toEqual({
      everything: false,
      perApp: false,
      inside: ["0.0.0.0/0"],
      outside: ["192.168.1.0/24"],
      blocked: ["::/0"],
    });
  });
});
