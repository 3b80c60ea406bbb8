// Opens every page and state, photographs it, and looks for what axe-core finds wrong.
//
//   node look.mjs DRIVER BROWSER PAGES FOLDER [PART OF A NAME]

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { Browser } from "./browser.mjs";
import { views } from "./views.mjs";
import { walk } from "./walk.mjs";

const [WIDE, NARROW, HEIGHT] = [940, 400, 640];

const [driver, binary, pages, folder, only = ""] = process.argv.slice(2);
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
await mkdir(folder, { recursive: true });
await until(`${driver}/status`);
await until(pages);

let browser = await Browser.open(driver, binary);
let violations = 0;
try {
  for (const view of views().filter(({ name }) => name.includes(only))) await look(view);
  if ("keyboard".includes(only)) {
    // A page that was framed, or clicked on, shows its focus otherwise.
    await browser.close();
    browser = await Browser.open(driver, binary);
    for (const wrong of await walk(browser, pages)) {
      violations += 1;
      console.log(`keyboard: ${wrong}`);
    }
  }
} finally {
  await browser.close();
}
console.log(violations === 0 ? "Nothing was found wrong." : `${violations} things were found wrong.`);
process.exit(violations === 0 ? 0 : 1);

async function look({ name, query, hash, isNarrow, isTall, act }) {
  const url = `${pages}/?${new URLSearchParams(query)}${hash}`;
  const height = isTall ? 1250 : HEIGHT;
  await browser.go("about:blank");
  await browser.resize(WIDE, height);
  if (isNarrow) await browser.goFramed(url, NARROW, height);
  else await browser.go(url);
  await browser.until("return document.getElementById('app').childElementCount > 0").catch(async () => {
    const script = "await import(document.querySelector('script[src]').src + '?again').catch((error) => { throw error.stack; });";
    throw new Error(`${name} stays empty: ${JSON.stringify(await browser.runAsync(script))}`);
  });
  // A page is read when it is shown.
  await browser.until("return document.querySelector('main')?.childElementCount > 0");
  await act?.(browser);
  // Fonts, the first second of a clock, transitions.
  await new Promise((resolve) => setTimeout(resolve, 350));
  await writeFile(`${folder}/${name}.png`, await browser.photograph());
  // A style that is read with another page only leaves a dialog at the end of this one.
  if (await browser.run("return [...document.querySelectorAll('[role$=dialog]')].some((e) => getComputedStyle(e).position !== 'fixed')")) {
    violations += 1;
    console.log(`${name}: a dialog is not above the page`);
  }
  await browser.run(axe);
  // Hundreds of rows are all alike.
  const found = await browser.runAsync("return (await axe.run({ exclude: ['nav li:nth-child(n+20)'] })).violations");
  if (!Array.isArray(found)) throw new Error(`${name}: axe-core did not run: ${JSON.stringify(found)}`);
  for (const { id, help, nodes } of found) {
    violations += 1;
    console.log(`${name}: ${id}: ${help}`);
    for (const node of nodes.slice(0, 3)) console.log(`    ${node.html.slice(0, 160)}\n    ${node.any[0]?.message ?? ""}`);
  }
}

async function until(url) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await fetch(url).then(({ ok }) => ok, () => false)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer.`);
}
