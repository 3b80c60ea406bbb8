import { zipSync } from "fflate";
import { encodeQR } from "qr";
import { decodeQR } from "qr/decode.js";
import { describe, expect, it } from "vitest";

import { freeName, isProfile, shapeOf, sourcesOf, type Source } from "./source";

const CONF = "[Interface]\nPrivateKey = x\n";

describe("what is handed over", () => {
  it("is told apart by what is in it", async () => {
    expect(shapeOf(bytes(CONF))).toBe("text");
    expect(shapeOf(zipSync({ "a.conf": bytes(CONF) }))).toBe("archive");
    expect(shapeOf(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0]))).toBe("picture");
    expect(await found({ name: "home.conf", content: bytes(CONF) })).toEqual(["home.conf"]);
  });

  it("may be an archive of several", async () => {
    const content = zipSync({
      "vpn/de.conf": bytes(CONF),
      "vpn/nl.CONF": bytes(CONF),
      "vpn/.hidden.conf": bytes(CONF),
      "readme.txt": bytes("Hello"),
      "__MACOSX/._de.conf": bytes("x"),
    });
    expect(await found({ name: "all.zip", content })).toEqual(["de.conf", "nl.CONF"]);
  });

  it("is refused where it could fill the memory or holds nothing", async () => {
    const bomb = zipSync({ "a.conf": new Uint8Array(2 << 20) });
    expect(await found({ name: "bomb.zip", content: bomb })).toEqual(["emptyArchive"]);
    const many = zipSync(Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${index}.conf`, bytes(CONF)])));
    expect(await found({ name: "many.zip", content: many })).toHaveLength(64);
    expect(await found({ name: "broken.zip", content: zipSync({ "a.conf": bytes(CONF) }).slice(0, 30) })).toEqual(["brokenArchive"]);
    expect(await found({ name: "large.conf", content: new Uint8Array((1 << 20) + 1).fill(0x61) })).toEqual(["tooLarge"]);
    expect(await found({ name: "cat.png", content: PNG }, async () => undefined)).toEqual(["noCode"]);
    expect(await found({ name: "cat.png", content: PNG }, async () => Promise.reject(new Error()))).toEqual(["notAPicture"]);
  });

  it("may be a picture of a code", async () => {
    expect(await found({ name: "phone.png", content: PNG }, async () => CONF)).toEqual(["phone"]);
  });

  it("is recognised when it is pasted", () => {
    expect(isProfile(CONF)).toBe(true);
    expect(isProfile("# my tunnel\n\n[interface]\n")).toBe(true);
    expect(isProfile('{"adit": 1}')).toBe(true);
    expect(isProfile('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN">')).toBe(true);
    expect(isProfile("Hello [Interface]")).toBe(false);
  });

  it("gets a name that is free", () => {
    expect(freeName("Home", new Set())).toBe("Home");
    expect(freeName("Home", new Set(["Home", "Home 2"]))).toBe("Home 3");
  });
});

describe("a code", () => {
  it("is read back as it was drawn", () => {
    const modules = encodeQR(CONF, "raw", { border: 4 });
    const [scale, size] = [4, modules.length * 4];
    const data = new Uint8ClampedArray(size * size * 4).fill(255);
    for (let y = 0; y < size; y += 1)
      for (let x = 0; x < size; x += 1)
        if (modules[Math.floor(y / scale)]?.[Math.floor(x / scale)]) data.fill(0, (y * size + x) * 4, (y * size + x) * 4 + 3);
    expect(decodeQR({ width: size, height: size, data })).toBe(CONF);
  });
});

const PNG = new Uint8Array([0x89, 0x50, 0x4e, 0x47]);

async function found(source: Source, scan: (content: Uint8Array) => Promise<string | undefined> = async () => undefined) {
  return (await sourcesOf(source, scan)).map((one) => ("why" in one ? one.why : one.name));
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
