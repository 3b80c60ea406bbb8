// What somebody hands over to be imported: files, pasted text, pictures of QR codes, and ZIP archives of files.

import { unzipSync } from "fflate";

/** One profile in text. */
export interface Source {
  /** Its file's, which becomes that of the configuration. */
  name: string;
  content: Uint8Array;
}

/** Why something handed over holds no profile. */
export interface Unusable {
  name: string;
  why: "tooLarge" | "emptyArchive" | "brokenArchive" | "noCode" | "notAPicture";
}

export type Shape = "archive" | "picture" | "text";

/** Larger ones are no profiles. Bytes. */
const LARGEST = 1 << 20;
/** An archive or a picture of a phone. Bytes. */
const LARGEST_PACKED = 32 << 20;
const MOST_IN_ARCHIVE = 64;
const PROFILE = /(^|\/)(?!\.)[^/]+\.(conf|json|mobileconfig)$/i;

const SIGNATURES: [Shape, number[]][] = [
  ["archive", [0x50, 0x4b, 0x03, 0x04]],
  ["archive", [0x50, 0x4b, 0x05, 0x06]],
  ["picture", [0x89, 0x50, 0x4e, 0x47]],
  ["picture", [0xff, 0xd8, 0xff]],
  ["picture", [0x47, 0x49, 0x46, 0x38]],
  ["picture", [0x42, 0x4d]],
  ["picture", [0x52, 0x49, 0x46, 0x46]],
];

/** By what is in it: names lie. */
export function shapeOf(content: Uint8Array): Shape {
  const found = SIGNATURES.find(([, signature]) => signature.every((byte, index) => content[index] === byte));
  return found?.[0] ?? "text";
}

/** The profiles in something that was handed over. `scan` finds the text of a QR code in a picture. */
export async function sourcesOf(
  { name, content }: Source,
  scan: (content: Uint8Array) => Promise<string | undefined>,
): Promise<(Source | Unusable)[]> {
  if (content.length > LARGEST_PACKED) return [{ name, why: "tooLarge" }];
  switch (shapeOf(content)) {
    case "archive":
      return unpacked(name, content);
    case "picture":
      return [await scanned(name, content, scan)];
    case "text":
      return [content.length > LARGEST ? { name, why: "tooLarge" } : { name, content }];
  }
}

/** Whether a pasted text is meant for us, wherever it was pasted. */
export function isProfile(text: string): boolean {
  return [/^\s*(#.*\n\s*)*\[interface\]/i, /^\s*\{\s*"adit"\s*:/, /^\s*<\?xml[^>]*>\s*<!DOCTYPE plist/].some((form) => form.test(text));
}

/** A name that is not taken: “Home”, else “Home 2” and so on. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  for (let number = 2; ; number += 1) if (!taken.has(`${wanted} ${number}`)) return `${wanted} ${number}`;
}

function unpacked(name: string, content: Uint8Array): (Source | Unusable)[] {
  let count = 0;
  // What an archive claims of its sizes is held against it before anything is unpacked.
  const filter = ({ name: path, originalSize }: { name: string; originalSize: number }) =>
    PROFILE.test(path) && originalSize <= LARGEST && ++count <= MOST_IN_ARCHIVE;
  let files: { [path: string]: Uint8Array };
  try {
    files = unzipSync(content, { filter });
  } catch {
    return [{ name, why: "brokenArchive" }];
  }
  const sources = Object.entries(files).map(([path, file]) => ({ name: path.slice(path.lastIndexOf("/") + 1), content: file }));
  return sources.length === 0 ? [{ name, why: "emptyArchive" }] : sources;
}

async function scanned(
  name: string,
  content: Uint8Array,
  scan: (content: Uint8Array) => Promise<string | undefined>,
): Promise<Source | Unusable> {
  try {
    const text = await scan(content);
    if (text === undefined) return { name, why: "noCode" };
    return { name: name.replace(/\.\w+$/, ""), content: new TextEncoder().encode(text) };
  } catch {
    return { name, why: "notAPicture" };
  }
}
