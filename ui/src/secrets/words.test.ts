import { expect, test } from "vitest";

import { languageFor } from "../messages/language";
import { placeOf, secretWords } from "./words";

test("secrets have names for people", () => {
  const english = languageFor(["en"]);
  expect(secretWords("privateKey", english)).toBe("Private key");
  expect(secretWords("presharedKey:abc=", english)).toBe("Preshared key for abc=");
  expect(secretWords("pin", english)).toBe("pin");
});

test("secrets are with the service unless they are said to be elsewhere", () => {
  const protocol = { providerId: "org.example.vpn", serverAddress: "vpn.example" };
  const configuration = { id: "", generation: 1, name: "", enablement: "enabled", scope: "user", owner: 0, protocol } as const;
  expect(placeOf(configuration)).toBe("system");
  const elsewhere = { ...configuration, protocol: { ...protocol, userSecrets: { password: "keyring" } } } as const;
  expect(placeOf(elsewhere)).toBe("keyring");
});
