// How numbers, bytes, times and lists are written in a language.

export interface Formats {
  number(value: number): string;
  /** As `1.2 MB`, or `1.1 MiB`. */
  bytes(count: number): string;
  /** Of bytes a second, as `1.2 MB/s`, or `9.6 Mbit/s`. */
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

/** What amounts are counted in. */
export interface Units {
  /** By thousands, or by 1024. */
  bytes: "decimal" | "binary";
  /** Bits are counted by thousands, as whoever sells lines does. */
  rates: "bytes" | "bits";
}

const BYTE_UNITS = ["", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;
/** IEC 80000-13. */
const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;
/** Written out, as “Mb” is taken for bytes too often. */
const BIT_UNITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s"] as const;
/** Those of SI, as everywhere in Adit; days are written out. */
const SYMBOLS = { hour: "h", minute: "min", second: "s" } as const;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** `units` is asked each time, so that another choice takes effect at once. */
export function createFormats(tag: string, units: () => Units = () => ({ bytes: "decimal", rates: "bytes" })): Formats {
  const number = new Intl.NumberFormat(tag);
  const list = new Intl.ListFormat(tag, { type: "conjunction" });
  const exact = new Intl.DateTimeFormat(tag, { dateStyle: "full", timeStyle: "medium" });
  const clock = new Intl.DateTimeFormat(tag, { timeStyle: "medium" });
  const today = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
  const otherDay = new Intl.DateTimeFormat(tag, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "short" });
  const decimal = (count: number) => {
    const { value, step, digits } = scaled(count, 1000);
    if (step === 0) return `${number.format(value)} B`;
    return unit(tag, BYTE_UNITS[step] ?? "petabyte", digits).format(value);
  };
  const written = (count: number, base: number, names: readonly string[]) => {
    const { value, step, digits } = scaled(count, base);
    return `${unit(tag, "", digits).format(value)} ${names[step] ?? ""}`;
  };
  const bytes = (count: number) => (units().bytes === "binary" ? written(count, 1024, BINARY_UNITS) : decimal(count));
  return {
    number: (value) => number.format(value),
    bytes,
    rate: (bytesPerSecond) =>
      units().rates === "bits" ? written(bytesPerSecond * 8, 1000, BIT_UNITS) : `${bytes(bytesPerSecond)}/s`,
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

/** First strong isolate and its end (UAX 9): an amount keeps its order beside words of the other direction. */
const [ISOLATE, END] = ["\u2068", "\u2069"];

/** For a language that is written from right to left. */
export function isolated(formats: Formats): Formats {
  const { bytes, rate, span, ago, exactTime, clock, moment } = formats;
  const alone = <T extends unknown[]>(write: (...given: T) => string) => (...given: T) => ISOLATE + write(...given) + END;
  return {
    ...formats,
    bytes: alone(bytes),
    rate: alone(rate),
    span: alone(span),
    ago: alone(ago),
    exactTime: alone(exactTime),
    clock: alone(clock),
    moment: alone(moment),
    list: (items) => formats.list(items.map((item) => ISOLATE + item + END)),
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

/** An amount in the largest unit that leaves a number before the point. Cut, not rounded: 999.97 kB must not become
 * 1000 kB. */
function scaled(count: number, base: number): { value: number; step: number; digits: number } {
  let [value, step] = [Math.max(count, 0), 0];
  for (; value >= base && step < BYTE_UNITS.length - 1; step += 1) value /= base;
  const digits = step === 0 || value >= 100 ? 0 : 1;
  const scale = 10 ** digits;
  return { value: Math.floor(value * scale) / scale, step, digits };
}

const made = new Map<string, Intl.NumberFormat>();

/** Of a unit that Intl knows, or of a bare number. */
function unit(tag: string, name: string, digits: number): Intl.NumberFormat {
  const key = `${tag} ${name} ${digits}`;
  const known = made.get(key);
  if (known) return known;
  const style = name === "" ? {} : { style: "unit", unit: name, unitDisplay: name === "day" ? "long" : "short" } as const;
  const format = new Intl.NumberFormat(tag, { ...style, minimumFractionDigits: digits, maximumFractionDigits: digits });
  made.set(key, format);
  return format;
}
