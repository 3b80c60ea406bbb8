// Uses the app by keyboard alone, and looks whether it can be seen where the focus is.

import { KEY } from "./browser.mjs";

/** @returns {Promise<string[]>} What went wrong. */
export async function walk(browser, pages) {
  const wrong = [];
  const expect = async (what, script) => {
    await browser.until(script).catch(() => wrong.push(what));
  };
  await browser.go("about:blank");
  await browser.go(`${pages}/?state=disconnected&theme=light`);
  await browser.until("return document.querySelector('h1') !== null");

  await browser.press([KEY.tab]);
  await expect("the first stop skips to the page", "return document.activeElement.className.includes('skip')");
  await browser.press([KEY.tab]);
  await expect("then comes the list", "return document.activeElement.matches('a.row')");
  await browser.press([KEY.down]);
  await expect("arrows go through the list", `${ROW} === 'Home'`);
  await browser.press([KEY.space]);
  await expect("space connects", `return ${state("Home")} === 'Connected.'`);
  await browser.press([KEY.enter]);
  await expect("enter opens", "return document.querySelector('h1').textContent === 'Home'");
  await expect("its switch is on", "return document.querySelector('[role=switch]').ariaChecked === 'true'");
  await browser.press(["k"], [KEY.control]);
  await expect("Ctrl+K opens the quick switcher", "return document.activeElement.matches('.switcher-input')");
  await browser.press([..."tra"]);
  await expect("it finds", "return document.querySelectorAll('.switcher [role=option]').length === 1");
  await browser.press([KEY.enter]);
  await expect("it connects", `return ${state("Travel")} === 'Connected.'`);
  await browser.press(["k"], [KEY.control]);
  await browser.until("return document.activeElement.matches('.switcher-input')");
  await browser.press([KEY.escape]);
  await expect("Esc closes it", "return document.querySelector('.switcher') === null");
  await expect("and nothing else", "return location.hash.includes('configuration')");
  for (const [key, page] of [["l", "logs"], [",", "settings"], ["n", "create"], ["i", "import"]]) {
    await browser.press([key], [KEY.control]);
    await expect(`Ctrl+${key} opens ${page}`, `return location.hash === '#/${page}'`);
    await expect(`the focus is on ${page}`, "return document.activeElement !== document.body");
    await browser.press([KEY.escape]);
    await expect("Esc leads back", "return location.hash === '#/'");
  }
  wrong.push(...(await unseenStops(browser)));
  return wrong;
}

/** Goes round once and names what has the focus without showing it. */
async function unseenStops(browser) {
  await browser.run("document.activeElement.blur()");
  const unseen = [];
  let stops = 0;
  for (; stops < 60; stops += 1) {
    await browser.press([KEY.tab]);
    const stop = await browser.run(`
      const element = document.activeElement;
      if (element === document.body || element.seen) return null;
      element.seen = true;
      const { boxShadow, outlineStyle, outlineColor } = getComputedStyle(element);
      const isShown = boxShadow !== "none" || (outlineStyle !== "none" && outlineColor !== "rgba(0, 0, 0, 0)");
      return { isShown, name: element.outerHTML.slice(0, 90) };`);
    if (stop === null) break;
    if (!stop.isShown) unseen.push(`the focus is not seen on ${stop.name}`);
  }
  if (stops < 15) unseen.push(`only ${stops} stops are reached`);
  return unseen;
}

const ROW = "return document.activeElement.querySelector('.name')?.textContent";

/** The state of a row, in the words of a screen reader. */
function state(name) {
  return `[...document.querySelectorAll("a.row")].find((row) => row.textContent.includes(${JSON.stringify(name)}))?.querySelector(".unseen").textContent`;
}
