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
    ...both("edit-conflict", { hash: `#/edit/${HOME}`, act: conflict }),
    view("edit-conflict-german", { theme: "light", lang: "de" }, { hash: `#/edit/${HOME}`, isNarrow: true, act: conflict }),
    view("rules-dragged", { theme: "light", state: "waiting" }, { hash: `#/onDemand/${TRAVEL}`, act: dragged }),
    ...both("edit-leave", { hash: `#/edit/${HOME}`, act: leave }),
    view("edit-german", { theme: "light", lang: "de" }, { hash: `#/edit/${HOME}`, isTall: true }),
    view("edit-mirrored", { theme: "dark", lang: "en-x-mirrored" }, { hash: `#/edit/${HOME}`, isTall: true }),
    view("edit-narrow", { theme: "light" }, { hash: `#/edit/${HOME}`, isNarrow: true, isTall: true }),
    view("create-whole", { theme: "light" }, { hash: "#/create", isTall: true }),
    ...both("import-preview", { hash: "#/import", isTall: true, act: imported }),
    ...both("import-paste", { hash: "#/import", act: pasting }),
    ...both("import-several", { hash: "#/import", isTall: true, act: several }),
    view("import-german", { theme: "dark", lang: "de" }, { hash: "#/import", isTall: true, act: imported }),
    view("import-narrow", { theme: "light" }, { hash: "#/import", isNarrow: true, isTall: true, act: imported }),
    ...both("rules", { hash: `#/onDemand/${TRAVEL}`, isTall: true }, { state: "waiting" }),
    view("rules-german", { theme: "dark", lang: "de", state: "waiting" }, { hash: `#/onDemand/${TRAVEL}`, isTall: true }),
    view("rules-narrow", { theme: "light", state: "waiting" }, { hash: `#/onDemand/${TRAVEL}`, isNarrow: true, isTall: true }),
    view("rules-first", { theme: "light" }, { hash: `#/onDemand/${HOME}` }),
    ...both("self-test", { hash: "#/settings", isTall: true, act: selfTest }),
    view("self-test-german", { theme: "light", lang: "de" }, { hash: "#/settings", isTall: true, act: selfTest }),
    ...both("share", { hash: `#/share/${HOME}`, isTall: true, act: code }),
  ];
}

const FILE = `[Interface]
PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
Address = 10.64.12.9/32
DNS = 10.64.0.1
PostUp = iptables -I OUTPUT -j ACCEPT

[Peer]
PublicKey = hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
AllowedIPs = 0.0.0.0/0
Endpoint = de.example.net:51820
`;

/** Three files that are dropped: one that is right, one that is not, and a split tunnel. */
async function imported(browser) {
  const files = [
    ["de-berlin.conf", FILE],
    ["office.conf", FILE.replace("0.0.0.0/0", "10.0.0.0/8, 172.16.0.0/12").replace(/PostUp.*\n/, "")],
    ["broken.conf", FILE.replace("Address = 10.64.12.9/32", "Address = ten")],
  ];
  await browser.run(
    `const files = ${JSON.stringify(files)}; const data = new DataTransfer();
     for (const [name, text] of files) data.items.add(new File([text], name));
     const input = document.querySelector("input[type=file]"); input.files = data.files;
     input.dispatchEvent(new Event("change", { bubbles: true }));`,
  );
  await browser.until("return document.querySelectorAll('.card').length === 3");
}

/** A profile of Apple's with three VPNs: one with a name that is taken, one that is new, and a later version of one. */
async function several(browser) {
  const payload = (name) => `<key>UserDefinedName</key><string>${name}</string><key>WgQuickConfig</key><string>${FILE.replace(/PostUp.*\n/, "")}</string>`;
  await browser.run(
    `const data = new DataTransfer(); data.items.add(new File([arguments[0]], "company.mobileconfig"));
     const input = document.querySelector("input[type=file]"); input.files = data.files;
     input.dispatchEvent(new Event("change", { bubbles: true }));`,
    `<plist>${["Work", "Laboratory", "Abroad"].map(payload).join("")}<key>PayloadIdentifier</key><string>net.example.abroad</string></plist>`,
  );
  await browser.until("return document.querySelectorAll('.card').length === 3");
}

async function selfTest(browser) {
  await browser.run("document.querySelector('.test button').click()");
  await browser.until("return document.querySelectorAll('.test li').length > 0");
}

async function pasting(browser) {
  await browser.run("[...document.querySelectorAll('main .hand button')][1].click()");
  await browser.until("return document.querySelector('#import-text') !== null");
}

async function code(browser) {
  await browser.run("[...document.querySelectorAll('main section button')].at(-1).click()");
  await browser.until("return document.querySelector('[role=alertdialog]') !== null");
  await browser.run("[...document.querySelectorAll('[role=alertdialog] button')].at(-1).click()");
  await browser.until("return document.querySelector('svg.code') !== null && document.querySelector('[role=alertdialog]') === null");
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

/** Somebody else saves the same field meanwhile. */
async function conflict(browser) {
  await type(browser, "[id='field-protocol.providerConfiguration.mtu']", "1380");
  await browser.run("dispatchEvent(new CustomEvent('somebody-else-saves', { detail: { mtu: 1300, listenPort: 51820 } }))");
  await browser.until("return document.querySelector('.said section') !== null");
}

async function dragged(browser) {
  await browser.until("return document.querySelector('.card .number') !== null");
  await browser.run(
    `const [first, , third] = document.querySelectorAll('.card'); const handle = first.querySelector('.number');
     const at = (element) => element.getBoundingClientRect();
     const event = (type, y) => new PointerEvent(type, { bubbles: true, pointerId: 1, button: 0, clientX: at(handle).x + 4, clientY: y });
     handle.dispatchEvent(event('pointerdown', at(handle).y + 4)); handle.dispatchEvent(event('pointermove', at(third).y - 60));`,
  );
  await browser.until("return document.querySelector('.card.below') !== null");
}

async function leave(browser) {
  await type(browser, "#field-name", "Home, changed");
  await browser.run("document.querySelector('main header button').click()");
  await browser.until("return document.querySelector('[role=alertdialog]') !== null");
}
