import { placeAt } from "./rules";

/** How near to the edge of the page it scrolls while something is dragged, and how far each time. Pixels. */
const EDGE = 56;
const SCROLL = 16;

/** A rule that is dragged to another place. Until it is let go nothing changes but where it would land. */
export class Reordering {
  #drag = $state.raw<{ from: number; to: number }>();

  /** Where the line is that says so: above or below the card at `index`. */
  mark(index: number): "above" | "below" | undefined {
    if (!this.#drag || this.#drag.to !== index || this.#drag.from === index) return undefined;
    return this.#drag.to < this.#drag.from ? "above" : "below";
  }

  isDragged(index: number): boolean {
    return this.#drag?.from === index;
  }

  /** From a pointer that was pressed on a card of `list`, until it is let go or Esc is pressed. */
  start(event: PointerEvent, from: number, list: HTMLElement, done: (from: number, to: number) => void): void {
    if (event.button !== 0) return;
    event.preventDefault();
    const over = new AbortController();
    const { signal } = over;
    this.#drag = { from, to: from };
    const end = (isDone: boolean) => {
      over.abort();
      const drag = this.#drag;
      this.#drag = undefined;
      if (isDone && drag && drag.to !== drag.from) done(drag.from, drag.to);
    };
    const move = ({ pointerId, clientY }: PointerEvent) => {
      if (pointerId !== event.pointerId) return;
      const middles = [...list.children].map((card) => card.getBoundingClientRect()).map(({ top, height }) => top + height / 2);
      this.#drag = { from, to: placeAt(clientY, middles, from) };
      const by = clientY < EDGE ? -SCROLL : clientY > innerHeight - EDGE ? SCROLL : 0;
      if (by !== 0) list.closest("main")?.scrollBy(0, by);
    };
    addEventListener("pointermove", move, { signal });
    addEventListener("pointerup", ({ pointerId }) => pointerId === event.pointerId && end(true), { signal });
    addEventListener("pointercancel", ({ pointerId }) => pointerId === event.pointerId && end(false), { signal });
    const keydown = (pressed: KeyboardEvent) => {
      if (pressed.key !== "Escape") return;
      pressed.preventDefault();
      pressed.stopPropagation();
      end(false);
    };
    addEventListener("keydown", keydown, { signal, capture: true });
  }
}
