// What every component may use, handed down from the top.

import { getContext, setContext } from "svelte";

import type { Announcer } from "./frame/announcer.svelte";
import type { Notices } from "./frame/notices.svelte";
import type { Helper } from "./helper/helper";
import type { Language } from "./messages/language";
import type { Preferences } from "./settings/preferences.svelte";
import type { Router } from "./router/router.svelte";
import type { Recorder } from "./transfer/recorder.svelte";
import type { Clock } from "./world/clock.svelte";
import type { World } from "./world/world.svelte";

export interface App {
  helper: Helper;
  world: World;
  language: Language;
  router: Router;
  announcer: Announcer;
  notices: Notices;
  clock: Clock;
  recorder: Recorder;
  preferences: Preferences;
}

const KEY = Symbol("app");

export function provideApp(app: App): void {
  setContext(KEY, app);
}

export function useApp(): App {
  return getContext<App>(KEY);
}
