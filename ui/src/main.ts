import "./tokens.css";
import "./base.css";
import "./parts/menu.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { isInApp, tauriHelper } from "./helper/tauri";
import { languageFor, wantedLanguages } from "./messages/language";
import { Preferences } from "./settings/preferences.svelte";
import { World } from "./world/world.svelte";

const asked = new URLSearchParams(location.search);
const root = document.documentElement;

const preferences = new Preferences();
preferences.apply();
// Pictures ask for a look.
const theme = asked.get("theme");
if (theme) root.dataset.theme = theme;
if (asked.get("contrast") === "more") root.dataset.contrast = "more";

const { helper, recordings } = isInApp()
  ? { helper: tauriHelper(), recordings: new Map() }
  : (await import("./helper/memory")).rehearsal(asked);

// Settings that cannot be read are no reason to show nothing.
const choice = await helper.settings().then(({ settings }) => settings.language, () => "session" as const);
const language = languageFor([...asked.getAll("lang"), ...wantedLanguages(choice, navigator.languages)], () => preferences.look);
root.lang = language.tag;
root.dir = language.direction;

const world = new World();
// The first picture is the whole one.
await world.follow(helper, language);

const target = document.getElementById("app");
if (target) mount(App, { target, props: { helper, world, language, preferences, recordings } });
