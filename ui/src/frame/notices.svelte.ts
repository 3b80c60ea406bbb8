import type { Announcer } from "./announcer.svelte";

/** Something that happened and is no state: a refusal, a deletion that can be undone. */
export interface Notice {
  text: string;
  tone: "plain" | "stop";
  action?: { label: string; run: () => void };
  /** From when on it is not true any more: it goes, and is not shown if that is so already. */
  isOver?: (() => boolean) | undefined;
  /** When it goes, by itself or by hand, and its action was not chosen. */
  ongone?: () => void;
}

/** What can be undone stays this long. A refusal stays until it is put away. */
const SHOWN_MS = 10_000;

/** One notice at a time at the foot of the window. */
export class Notices {
  #announcer: Announcer;
  #current = $state.raw<Notice>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(announcer: Announcer) {
    this.#announcer = announcer;
  }

  get current(): Notice | undefined {
    return this.#current;
  }

  show(notice: Notice): void {
    if (notice.isOver?.()) return;
    this.dismiss();
    this.#current = notice;
    if (notice.tone === "stop") this.#announcer.warn(notice.text);
    else {
      this.#announcer.say(notice.text);
      this.#timer = setTimeout(() => this.dismiss(), SHOWN_MS);
    }
  }

  dismiss(): void {
    const gone = this.#end();
    gone?.ongone?.();
  }

  act(): void {
    const gone = this.#end();
    gone?.action?.run();
  }

  #end(): Notice | undefined {
    clearTimeout(this.#timer);
    const gone = this.#current;
    this.#current = undefined;
    return gone;
  }
}
