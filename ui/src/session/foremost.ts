import type { Entry } from "../helper/types";
import { isWanted } from "./face";

/** Which configuration is shown while none is chosen: one that blocks, one that is up, one that failed, the first. */
export function foremost(entries: readonly Entry[]): Entry | undefined {
  return (
    entries.find(({ session }) => session.blocking) ??
    entries.find(({ session }) => isWanted(session)) ??
    entries.find(({ session }) => session.lastError !== undefined) ??
    entries[0]
  );
}
