import { applyLook, keepLook, keptLook, type Look } from "./look";

/** The look of this window as it is chosen now. */
export class Preferences {
  #look = $state.raw<Look>(keptLook(localStorage));

  get look(): Look {
    return this.#look;
  }

  choose(change: Partial<Look>): void {
    this.#look = { ...this.#look, ...change };
    keepLook(localStorage, this.#look);
    this.apply();
  }

  apply(): void {
    applyLook(document.documentElement, this.#look, matchMedia("(prefers-contrast: more)").matches);
  }
}
