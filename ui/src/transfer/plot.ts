import type uPlot from "uplot";

/** uPlot, loaded when there is something to draw. While loading it formats numbers in the browser's language, which
 * throws where that is none: with `LC_ALL=C` WebKit calls it `c`. */
export async function loadPlot(): Promise<typeof uPlot> {
  if (!isLanguage(navigator.language)) Object.defineProperty(navigator, "language", { value: "en" });
  return (await import("uplot")).default;
}

function isLanguage(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1;
  } catch {
    return false;
  }
}
