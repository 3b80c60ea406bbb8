// How the window looks where its user wants something else than the desktop. It is of this window alone, so it is kept
// beside it and not in the settings of the app.

export const THEMES = ["system", "light", "dark"] as const;
export const CONTRASTS = ["system", "more"] as const;

export interface Look {
  theme: (typeof THEMES)[number];
  contrast: (typeof CONTRASTS)[number];
}

const KEY = "look";
const AS_THE_DESKTOP: Look = { theme: "system", contrast: "system" };

/** What was kept; whatever is not known is as the desktop has it. */
export function keptLook(storage: Pick<Storage, "getItem">): Look {
  let kept: Partial<Record<keyof Look, unknown>>;
  try {
    kept = (JSON.parse(storage.getItem(KEY) ?? "{}") ?? {}) as typeof kept;
  } catch {
    return AS_THE_DESKTOP;
  }
  return {
    theme: THEMES.find((theme) => theme === kept.theme) ?? "system",
    contrast: CONTRASTS.find((contrast) => contrast === kept.contrast) ?? "system",
  };
}

export function keepLook(storage: Pick<Storage, "setItem">, look: Look): void {
  storage.setItem(KEY, JSON.stringify(look));
}

/** Applies it to the page. `prefersMore`: the desktop asks for more contrast. */
export function applyLook(root: { dataset: DOMStringMap }, { theme, contrast }: Look, prefersMore: boolean): void {
  if (theme === "system") delete root.dataset["theme"];
  else root.dataset["theme"] = theme;
  if (contrast === "more" || prefersMore) root.dataset["contrast"] = "more";
  else delete root.dataset["contrast"];
}
