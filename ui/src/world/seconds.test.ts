import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { atSeconds } from "./seconds";

beforeEach(() => void vi.useFakeTimers({ now: 1300 }));
afterEach(() => void vi.useRealTimers());

it("calls at whole seconds until it is ended", () => {
  const [each, third]: [number[], number[]] = [[], []];
  const ends = [atSeconds(1, () => each.push(Date.now())), atSeconds(3, () => third.push(Date.now()))];
  vi.advanceTimersByTime(5000);
  expect([each, third]).toEqual([[2000, 3000, 4000, 5000, 6000], [3000, 6000]]);
  for (const end of ends) end();
  vi.advanceTimersByTime(5000);
  expect(third).toEqual([3000, 6000]);
});
