import { SvelteMap } from "svelte/reactivity";

import type { Helper } from "../helper/helper";
import { atSeconds } from "../world/seconds";
import { NOTHING, recorded, type Recording } from "./recording";

/** In seconds, while somebody works with the window. */
const PACE = 1;
/** While it can be seen beside others: each picture costs. */
const PACE_ASIDE = 3;

/** Counts what goes through a session while somebody looks at it and the window can be seen. */
export class Recorder {
  #helper: Helper;
  #recordings: SvelteMap<string, Recording>;

  /** `before`: what was recorded already, by configuration. */
  constructor(helper: Helper, before: ReadonlyMap<string, Recording>) {
    this.#helper = helper;
    this.#recordings = new SvelteMap(before);
  }

  recording(id: string): Recording {
    return this.#recordings.get(id) ?? NOTHING;
  }

  /** Counts until the returned function is called. */
  watch(id: string): () => void {
    let end = () => {};
    const run = () => {
      end();
      if (document.hidden) return;
      void this.#count(id);
      end = atSeconds(document.hasFocus() ? PACE : PACE_ASIDE, () => void this.#count(id));
    };
    document.addEventListener("visibilitychange", run);
    for (const change of ["focus", "blur"]) addEventListener(change, run);
    run();
    return () => {
      document.removeEventListener("visibilitychange", run);
      for (const change of ["focus", "blur"]) removeEventListener(change, run);
      end();
    };
  }

  async #count(id: string): Promise<void> {
    // A session that just ended has nothing to count: the next status says so.
    const counters = await this.#helper.counters(id).catch(() => undefined);
    if (counters) this.#recordings.set(id, recorded(this.recording(id), Date.now() / 1000, counters));
  }
}
