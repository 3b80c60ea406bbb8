import type { Helper, Link } from "../helper/helper";
import type { Entry, MachineStatus } from "../helper/types";
import type { Language } from "../messages/language";
import { changed, EMPTY, type Knowledge } from "./knowledge";
import { inLanguage } from "./translation";

/** What the app knows of the helper, as it is at this moment. Only the helper changes it. */
export class World {
  #knowledge = $state.raw<Knowledge>(EMPTY);
  /** Deleted as far as people can see; see `session/removal.ts`. */
  #hidden = $state.raw<readonly string[]>([]);
  #waiting = new Set<{ isTrue: () => boolean; done: () => void }>();

  #shown = $derived(this.#knowledge.entries.filter(({ configuration }) => !this.#hidden.includes(configuration.id)));

  /** Follows the helper, who is understood in this language, for as long as there is a page. It begins with all that is known. */
  follow(helper: Helper, language: Language): Promise<void> {
    return new Promise((begun) => {
      helper.watch((change) => {
        this.#knowledge = changed(this.#knowledge, inLanguage(change, language));
        for (const wait of this.#waiting) {
          if (!wait.isTrue()) continue;
          this.#waiting.delete(wait);
          wait.done();
        }
        begun();
      });
    });
  }

  /** Waits until something is true of the world. */
  async until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return;
    await new Promise<void>((done) => this.#waiting.add({ isTrue, done }));
  }

  get link(): Link {
    return this.#knowledge.link;
  }

  /** By name. */
  get entries(): readonly Entry[] {
    return this.#shown;
  }

  get machine(): MachineStatus {
    return this.#knowledge.machine;
  }

  entry(id: string): Entry | undefined {
    return this.#shown.find((entry) => entry.configuration.id === id);
  }

  hide(id: string): void {
    this.#hidden = [...this.#hidden, id];
  }

  unhide(id: string): void {
    this.#hidden = this.#hidden.filter((other) => other !== id);
  }
}
