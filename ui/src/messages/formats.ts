// How numbers, bytes, times and lists are written in a language.

export interface Formats {
  number(value: number): string;
  /** Decimal units, as `1.2 MB`. */
  bytes(count: number): string;
  /** Bytes a second, as `1.2 MB/s`. */
  rate(bytesPerSecond: number): string;
  /** A time span in at most two units, as `2 h 5 min`. */
  span(seconds: number): string;
  /** How long ago, as `5 min ago`; `now` below a second. */
  ago(seconds: number): string;
  /** The date and the time to the second, local. */
  exactTime(time: Date): string;
  /** The time of day to the second, local. */
  clock(time: Date): string;
  /** The date if it is not today's, and the time to the minute. */
  moment(time: Date, now: Date): string;
  /** `a, b and c`. */
  list(items: readonly string[]): string;
}

const BYTE_UNITS = ["", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;
/** Those of SI, as everywhere in Adit; days are written out. */
const SYMBOLS = { hour: "h", minute: "min", second: "s" } as const;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

export function createFormats(tag: string): Formats {
  const number = new Intl.NumberFormat(tag);
  const list = new Intl.ListFormat(tag, { type: "conjunction" });
  const exact = new Intl.DateTimeFormat(tag, { dateStyle: "full", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(tag, { timeStyle: "medium" });
  const today = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
  const otherDay = new Intl.DateTimeFormat(tag, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "short" });
  const bytes = (count: number) => {
    const steps = count < 1000 ? 0 : Math.min(Math.floor(Math.log10(count) / 3), BYTE_UNITS.length - 1);
    const value = Math.max(count, 0) / 1000 ** steps;
    if (steps === 0) return `${number.format(Math.floor(value))} B`;
    const digits = value >= 100 ? 0 : 1;
    return unit(tag, BYTE_UNITS[steps] ?? "petabyte", digits).format(truncated(value, digits));
  };
  return {
    number: (value) => number.format(value),
    bytes,
    rate: (bytesPerSecond) => `${bytes(bytesPerSecond)}/s`,
    span: (seconds) =>
      parts(seconds)
        .map(([count, name]) => (name === "day" ? unit(tag, name, 0).format(count) : `${count} ${SYMBOLS[name]}`))
        .join(" "),
    ago: (seconds) => {
      const [first] = parts(seconds);
      return first ? relative.format(-first[0], first[1]) : relative.format(0, "second");
    },
    exactTime: (time) => exact.format(time),
    clock: (time) => clock.format(time),
    moment: (time, now) => (time.toDateString() === now.toDateString() ? today : otherDay).format(time),
    list: (items) => list.format(items),
  };
}

/** The word for a count. */
export function plural(tag: string, count: number, forms: { one: string; other: string }): string {
  return new Intl.PluralRules(tag).select(count) === "one" ? forms.one : forms.other;
}

type SpanUnit = "day" | "hour" | "minute" | "second";

function parts(seconds: number): [number, SpanUnit][] {
  const whole = Math.max(Math.floor(seconds), 0);
  const [days, hours, minutes] = [Math.floor(whole / DAY), Math.floor((whole % DAY) / HOUR), Math.floor((whole % HOUR) / MINUTE)];
  if (days > 0) return hours > 0 ? [[days, "day"], [hours, "hour"]] : [[days, "day"]];
  if (hours > 0) return minutes > 0 ? [[hours, "hour"], [minutes, "minute"]] : [[hours, "hour"]];
  return minutes > 0 ? [[minutes, "minute"]] : [[whole, "second"]];
}

/** Cut, not rounded: 999.97 kB must not become 1000 kB. */
function truncated(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.floor(value * scale) / scale;
}

const units = new Map<string, Intl.NumberFormat>();

function unit(tag: string, name: string, digits: number): Intl.NumberFormat {
  const key = `${tag} ${name} ${digits}`;
  const known = units.get(key);
  if (known) return known;
  const made = new Intl.NumberFormat(tag, {
    style: "unit",
    unit: name,
    unitDisplay: name === "day" ? "long" : "short",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  units.set(key, made);
  return made;
}
