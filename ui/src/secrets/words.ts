// What people call secrets, and where they are.

import type { SecretPlace, VpnConfiguration } from "../helper/types";
import type { Language } from "../messages/language";

const PRESHARED_KEY = "presharedKey:";

export function secretWords(name: string, { m }: Language): string {
  if (name.startsWith(PRESHARED_KEY)) return m.asked.secret.presharedKey(name.slice(PRESHARED_KEY.length));
  if (name === "privateKey") return m.asked.secret.privateKey;
  if (name === "password") return m.asked.secret.password;
  return name;
}

/** Where the secrets of a configuration are. They are moved together, but a new key is with the service where the old one was nowhere. */
export function placeOf({ protocol }: VpnConfiguration): SecretPlace | "system" {
  return Object.values(protocol.userSecrets ?? {})[0] ?? "system";
}
