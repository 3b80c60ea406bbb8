import type { Source } from "./source";

/** What was handed over anywhere in the window and waits for the page that shows it. */
class Inbox {
  #waiting = $state.raw<readonly Source[]>([]);

  get waiting(): readonly Source[] {
    return this.#waiting;
  }

  put(sources: readonly Source[]): void {
    this.#waiting = [...this.#waiting, ...sources];
  }

  /** All that waits, once. */
  take(): readonly Source[] {
    const taken = this.#waiting;
    if (taken.length > 0) this.#waiting = [];
    return taken;
  }
}

export const inbox = new Inbox();

export async function fromFiles(files: Iterable<File>): Promise<Source[]> {
  return Promise.all([...files].map(async (file) => ({ name: file.name, content: new Uint8Array(await file.arrayBuffer()) })));
}

export function fromText(name: string, text: string): Source {
  return { name, content: new TextEncoder().encode(text) };
}
