import { encodeQR } from "qr";
import { expect, it } from "vitest";

import { codeOf } from "./code";

it("a drawn code has every dark module once", () => {
  const code = codeOf("[Interface]");
  const modules = encodeQR("[Interface]", "raw", { border: 4, ecc: "low" });
  const drawn = [...(code?.path ?? "").matchAll(/M(\d+) (\d+)h(\d+)/g)].flatMap(([, x, y, length]) =>
    Array.from({ length: Number(length) }, (_, at) => `${Number(x) + at},${y}`),
  );
  const dark = modules.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`${x},${y}`] : [])));
  expect(code?.size).toBe(modules.length);
  expect(drawn.sort()).toEqual(dark.sort());
});

it("a text that is too long has no code", () => {
  expect(codeOf("x".repeat(3000))).toBeUndefined();
  expect(codeOf("ä".repeat(1500))).toBeUndefined();
});
