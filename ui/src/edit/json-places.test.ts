import { expect, it } from "vitest";

import { lineOfPlace, linesOfPlaces } from "./json-places";

it("each value of a text of JSON has its line, and what is missing that of what it belongs into", () => {
  const text = `{
  "mtu": 1420,
  "peers": [
    { "endpoint": "a" },
    {
      "endpoint": "b",
      "allowedIps": ["10.0.0.0/8",
        "fd00::/8"]
    }
  ]
}`;
  const lines = linesOfPlaces(text);
  const at = (place: string) => lineOfPlace(place, lines);
  expect(["mtu", "peers", "peers[0].endpoint", "peers[1]", "peers[1].allowedIps[1]"].map(at)).toEqual([2, 3, 4, 5, 8]);
  expect(["dnsServers", "peers[1].publicKey", "peers[7].publicKey"].map(at)).toEqual([1, 5, 3]);
});
