// Pages on which configurations are made and changed.

export const HOME = "1f3c8a52-0000-4000-8000-000000000001";
export const TRAVEL = "1f3c8a52-0000-4000-8000-000000000004";

export function editingViews(view) {
  const both = (name, options, query = {}) => [
    view(`${name}-light`, { theme: "light", ...query }, options),
    view(`${name}-dark`, { theme: "dark", ...query }, options),
  ];
  return [
    ...both("edit-form", { hash: `#/edit/${HOME}`, isTall: true }),
    ...both("edit-text", { hash: `#/edit/${HOME}`, act: text }),
    ...both("edit-text-fault", { hash: `#/edit/${HOME}`, act: brokenText }),
    ...both("edit-faults", { hash: `#/edit/${HOME}`, isTall: true, act: faults }),
    ...both("edit-leave", { hash: `#/edit/${HOME}`, act: leave }),
    view("edit-german", { theme: "light", lang: "de" }, { hash: `#/edit/${HOME}`, isTall: true }),
    view("edit-mirrored", { theme: "dark", lang: "en-x-mirrored" }, { hash: `#/edit/${HOME}`, isTall: true }),
    view("edit-narrow", { theme: "light" }, { hash: `#/edit/${HOME}`, isNarrow: true, isTall: true }),
    view("create-whole", { theme: "light" }, { hash: "#/create", isTall: true }),
  ];
}

async function text(browser) {
  await browser.until("return document.querySelector('#edit-tab-text') !== null");
  await browser.run("document.querySelector('#edit-tab-text').click()");
  await browser.until("return document.querySelector('.cm-line') !== null");
}

async function brokenText(browser) {
  await text(browser);
  await browser.run(
    "const line = [...document.querySelectorAll('.cm-line')].find((line) => line.textContent.startsWith('Address'));" +
      "const range = document.createRange(); range.selectNodeContents(line);" +
      "getSelection().removeAllRanges(); getSelection().addRange(range);" +
      "document.execCommand('insertText', false, 'Address = 10.20.0.2/32, home');",
  );
  await browser.until("return document.querySelector('.cm-lint-marker-error') !== null");
}

async function type(browser, selector, value) {
  await browser.until(`return document.querySelector(${JSON.stringify(selector)}) !== null`);
  await browser.run(
    `const input = document.querySelector(${JSON.stringify(selector)}); input.value = ${JSON.stringify(value)};` +
      "input.dispatchEvent(new Event('input', { bubbles: true })); input.dispatchEvent(new Event('blur'));",
  );
}

async function faults(browser) {
  await type(browser, "[id='field-protocol.providerConfiguration.mtu']", "100");
  await type(browser, "[id='field-protocol.providerConfiguration.peers[0].endpoint']", "home.example.net");
}

async function leave(browser) {
  await type(browser, "#field-name", "Home, changed");
  await browser.run("document.querySelector('main header button').click()");
  await browser.until("return document.querySelector('[role=alertdialog]') !== null");
}
