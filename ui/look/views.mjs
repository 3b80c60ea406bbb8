// What is photographed.

import { KEY } from "./browser.mjs";
import { editingViews } from "./editing.mjs";

const STATES = [
  "empty",
  "disconnected",
  "waiting",
  "paused",
  "connecting",
  "asking",
  "askingAgain",
  "connected",
  "split",
  "onDemand",
  "reasserting",
  "noTraffic",
  "warned",
  "blocked",
  "unprotected",
  "problem",
  "disabled",
  "setAside",
  "lockdown",
  "foreign",
  "missing",
  "lost",
  "otherVersion",
  "olderService",
  "untrusted",
  "many",
];
const PAGES = ["create", "import", "settings", "logs", "diagnosis", "about"];

export function views() {
  const states = STATES.flatMap((state) => {
    const hash = ABOUT[state] ?? "#/";
    return [
      view(`${state}-light`, { state, theme: "light" }, { hash }),
      view(`${state}-dark`, { state, theme: "dark" }, { hash }),
    ];
  });
  const pages = PAGES.flatMap((page) => [
    view(`page-${page}-light`, { theme: "light" }, { hash: `#/${page}` }),
    view(`page-${page}-dark`, { theme: "dark" }, { hash: `#/${page}` }),
  ]);
  return [
    ...states,
    ...pages,
    ...editingViews(view),
    view("whole-page-light", { state: "onDemand", theme: "light" }, { isTall: true }),
    view("whole-page-dark", { state: "onDemand", theme: "dark" }, { isTall: true }),
    ...both("part-server", { act: (browser) => browser.click("li.server button") }),
    ...both("table", { act: (browser) => browser.click(".toggle") }),
    ...both("menu", { act: (browser) => browser.click("header [aria-haspopup=menu]") }),
    ...both("switcher", { act: (browser) => browser.press(["k"], [KEY.control]) }),
    ...both("explained", { isTall: true, act: explain }),
    ...both("refused", { state: "disabled", hash: HOME, act: (browser) => browser.click("[role=switch]") }),
    view("narrow-list", { theme: "light" }, { isNarrow: true }),
    view("narrow-detail", { theme: "light" }, { isNarrow: true, hash: HOME, isTall: true }),
    view("narrow-blocked-dark", { state: "blocked", theme: "dark" }, { isNarrow: true, hash: ABROAD }),
    view("narrow-empty", { state: "empty", theme: "light" }, { isNarrow: true }),
    view("german-connected", { theme: "light", lang: "de" }, { isTall: true }),
    view("german-onDemand", { state: "onDemand", theme: "light", lang: "de" }, { isTall: true }),
    view("german-warned", { state: "warned", theme: "light", lang: "de" }),
    view("german-noTraffic", { state: "noTraffic", theme: "dark", lang: "de" }),
    view("german-unprotected", { state: "unprotected", theme: "light", lang: "de" }),
    view("german-settings", { theme: "light", lang: "de" }, { hash: "#/settings", isTall: true }),
    view("german-diagnosis", { theme: "dark", lang: "de" }, { hash: "#/diagnosis", act: finding }),
    view("diagnosis-open", { theme: "light" }, { hash: "#/diagnosis", act: finding }),
    view("diagnosis-narrow", { theme: "light" }, { isNarrow: true, hash: "#/diagnosis" }),
    view("settings-narrow", { theme: "dark" }, { isNarrow: true, hash: "#/settings", isTall: true }),
    view("logs-narrow", { theme: "light" }, { isNarrow: true, hash: "#/logs" }),
    view("german-blocked", { state: "blocked", theme: "dark", lang: "de" }),
    view("german-missing", { state: "missing", theme: "light", lang: "de" }),
    view("mirrored-connected", { theme: "light", lang: "en-x-mirrored" }, { isTall: true }),
    view("contrast-light", { theme: "light", contrast: "more" }),
    view("contrast-dark", { state: "blocked", theme: "dark", contrast: "more" }),
  ];
}

const HOME = "#/configuration/1f3c8a52-0000-4000-8000-000000000001";
const ABROAD = "#/configuration/1f3c8a52-0000-4000-8000-000000000003";

const TRAVEL = "#/configuration/1f3c8a52-0000-4000-8000-000000000004";
/** States of a configuration that is not the foremost. */
const ABOUT = { disconnected: HOME, waiting: TRAVEL, paused: TRAVEL, disabled: HOME, setAside: HOME, lockdown: HOME };

function both(name, { state = "connected", ...options }) {
  return ["light", "dark"].map((theme) => view(`${name}-${theme}`, { state, theme }, options));
}

async function explain(browser) {
  await browser.click(".explain input");
  await browser.press([..."192.0.2.7", KEY.enter]);
  await browser.until("return document.querySelector('.explain dl') !== null");
}

async function finding(browser) {
  await browser.until("return document.querySelector('.files summary') !== null");
  await browser.run("const files = document.querySelectorAll('.files li'); files[1].querySelector('input').click(); files[3].querySelector('summary').click()");
}

function view(name, query, { hash = "#/", isNarrow = false, isTall = false, act } = {}) {
  return { name, query: { state: "connected", ...query }, hash, isNarrow, isTall, act };
}
