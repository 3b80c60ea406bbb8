// How the window looks, where its user wants something else than the desktop, and what it counts in. It is of this window
// alone, so it is kept beside it and not in the settings of the app.

import type { Units } from "../messages/formats";

export const THEMES = ["system", "light", "dark"] as const;
export const CONTRASTS = ["system", "more"] as const;

export const BYTES = ["decimal", "binary"] as const;
export const RATES = ["bytes", "bits"] as const;

export interface Look extends Units {
  theme: (typeof THEMES)[number];
  contrast: (typeof CONTRASTS)[number];
}

const KEY = "look";
const USUAL: Look = { theme: "system", contrast: "system", bytes: "decimal", rates: "bytes" };

/** What was kept; whatever is not known is as usual. */
export function keptLook(storage: Pick<Storage, "getItem">): Look {
  let kept: Partial<Record<keyof Look, unknown>>;
  try {
    kept = (JSON.parse(storage.getItem(KEY) ?? "{}") ?? {}) as typeof kept;
  } catch {
    return USUAL;
  }
  return {
    theme: THEMES.find((theme) => theme === kept.theme) ?? "system",
    contrast: CONTRASTS.find((contrast) => contrast === kept.contrast) ?? "system",
    bytes: BYTES.find((bytes) => bytes === kept.bytes) ?? "decimal",
    rates: RATES.find((rates) => rates === kept.rates) ?? "bytes",
  };
}

export function keepLook(storage: Pick<Storage, "setItem">, look: Look): void {
  storage.setItem(KEY, JSON.stringify(look));
}

/** Applies it to the page. `prefersMore`: the desktop asks for more contrast. */
export function applyLook(root: { dataset: DOMStringMap }, { theme, contrast }: Pick<Look, "theme" | "contrast">, prefersMore: boolean): void {
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
  if (contrast === "more" || prefersMore) root.dataset["contrast"] = "more";
  else delete root.dataset["contrast"];
}
