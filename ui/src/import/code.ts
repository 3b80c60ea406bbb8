// A QR code as a drawing.

import { encodeQR } from "qr";

export interface Code {
  /** Modules of a side, the quiet margin included. */
  size: number;
  /** An SVG path of the dark modules. */
  path: string;
}

/** White around a code, which readers need (ISO/IEC 18004). Modules. */
const MARGIN = 4;
/** What a code of the lowest correction holds. Bytes. */
const MOST = 2953;

/** Nothing if the text is too long for a code. */
export function codeOf(text: string): Code | undefined {
  if (new TextEncoder().encode(text).length > MOST) return undefined;
  const rows = encodeQR(text, "raw", { border: MARGIN, ecc: "low" });
  const runs = rows.flatMap((row, y) => runsOf(row).map(([x, length]) => `M${x} ${y}h${length}v1h-${length}z`));
  return { size: rows.length, path: runs.join("") };
}

/** Where dark modules begin in a row, and how many there are. */
function runsOf(row: readonly boolean[]): [x: number, length: number][] {
  const runs: [number, number][] = [];
  row.forEach((isDark, x) => {
    const last = runs.at(-1);
    if (isDark && last && last[0] + last[1] === x) last[1] += 1;
    else if (isDark) runs.push([x, 1]);
  });
  return runs;
}
