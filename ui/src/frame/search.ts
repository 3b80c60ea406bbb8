import type { Entry } from "../helper/types";

/** Those whose name or server has all the words of a query, best first: a name that begins with it, then by name. */
export function matching(entries: readonly Entry[], query: string): readonly Entry[] {
  const words = folded(query).split(/\s+/).filter((word) => word !== "");
  const [first] = words;
  if (first === undefined) return entries;
  const fits = entries.filter(({ configuration }) => {
    const text = folded(`${configuration.name} ${configuration.protocol.serverAddress}`);
    return words.every((word) => text.includes(word));
  });
  const begins = (entry: Entry) => folded(entry.configuration.name).startsWith(first);
  return [...fits.filter(begins), ...fits.filter((entry) => !begins(entry))];
}

/** Without case and accents, as people type. */
function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{Mn}/gu, "").toLowerCase();
}
