import { hashOf, pageOf, parentOf, type Page } from "./page";

/** The page that is shown. It lives in the address, so that the browser's own back works. */
export class Router {
  #page = $state.raw<Page>({ kind: "home" });
  #mayLeave: () => boolean | Promise<boolean> = () => true;

  constructor() {
    this.#page = pageOf(location.hash);
    addEventListener("hashchange", () => (this.#page = pageOf(location.hash)));
  }

  get page(): Page {
    return this.#page;
  }

  async go(page: Page): Promise<void> {
    if (hashOf(page) === hashOf(this.#page) || !(await this.#mayLeave())) return;
    location.hash = hashOf(page);
  }

  async back(): Promise<void> {
    await this.go(parentOf(this.#page));
  }

  /** A page with changes that are not saved asks before it is left. Returns what takes the guard away. */
  guard(mayLeave: () => boolean | Promise<boolean>): () => void {
    this.#mayLeave = mayLeave;
    return () => (this.#mayLeave = () => true);
  }
}
