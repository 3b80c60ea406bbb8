import { SvelteMap } from "svelte/reactivity";

import type { Helper } from "../helper/helper";
import { NOTHING, recorded, type Recording } from "./recording";

/** Counts what goes through a session, once a second, while somebody looks at it and the window can be seen. */
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
    let timer: ReturnType<typeof setInterval> | undefined;
    const run = () => {
      clearInterval(timer);
      if (document.hidden) return;
      void this.#count(id);
      timer = setInterval(() => void this.#count(id), 1000);
    };
    document.addEventListener("visibilitychange", run);
    run();
    return () => {
      document.removeEventListener("visibilitychange", run);
      clearInterval(timer);
    };
  }

  async #count(id: string): Promise<void> {
    // A session that just ended has nothing to count: the next status says so.
    const counters = await this.#helper.counters(id).catch(() => undefined);
    if (counters) this.#recordings.set(id, recorded(this.recording(id), Date.now() / 1000, counters));
  }
}
