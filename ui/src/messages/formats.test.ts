import { describe, expect, it } from "vitest";

import { createFormats, isolated, plural, type Units } from "./formats";

const english = createFormats("en-GB");
const german = createFormats("de");

describe("amounts", () => {
  it("are cut to what people read", () => {
    const written = [0, 999, 1000, 1_200_000, 999_999, 123_400_000, 3_500_000_000_000].map(english.bytes);
    expect(written).toEqual(["0 B", "999 B", "1.0 kB", "1.2 MB", "999 kB", "123 MB", "3.5 TB"]);
    expect(german.bytes(1_200_000)).toBe("1,2 MB");
    expect(english.rate(2500)).toBe("2.5 kB/s");
  });

  it("are in the units that somebody has chosen, from the next time on", () => {
    let units: Units = { bytes: "binary", rates: "bits" };
    const { bytes, rate } = createFormats("de", () => units);
    expect([1023, 1024, 1_200_000, 1_048_575, 512 * 1024 ** 3].map(bytes)).toEqual(["1.023 B", "1,0 KiB", "1,1 MiB", "1.023 KiB", "512 GiB"]);
    expect([0, 12, 125, 1_200_000].map(rate)).toEqual(["0 bit/s", "96 bit/s", "1,0 kbit/s", "9,6 Mbit/s"]);
    units = { bytes: "binary", rates: "bytes" };
    expect(rate(2048)).toBe("2,0 KiB/s");
  });

  it("keep their order among words that are written the other way", () => {
    const { rate, span, list } = isolated(english);
    expect([rate(2500), span(7500)]).toEqual(["\u20682.5 kB/s\u2069", "\u20682 h 5 min\u2069"]);
    expect(list(["10.0.0.0/8", "fd00::/64"])).toBe("\u206810.0.0.0/8\u2069 and \u2068fd00::/64\u2069");
  });

  it("of time have at most two units", () => {
    const written = [0, 59, 60, 3599, 3600, 7500, 86_400, 273_600].map(english.span);
    expect(written).toEqual(["0 s", "59 s", "1 min", "59 min", "1 h", "2 h 5 min", "1 day", "3 days 4 h"]);
    expect(german.span(273_600)).toBe("3 Tage 4 h");
  });

  it("of time that is over have one", () => {
    expect(english.ago(7500)).toBe("2 hr ago");
    expect(english.ago(0.2)).toBe("now");
    expect(english.ago(-5)).toBe("now");
    expect(german.ago(120)).toBe("vor 2 Min.");
  });
});

describe("counted things", () => {
  it("have the word of their number", () => {
    const forms = { one: "network", other: "networks" };
    expect([0, 1, 2].map((count) => plural("en", count, forms))).toEqual(["networks", "network", "networks"]);
  });
});
