import { createSubscriber } from "svelte/reactivity";

import { atSeconds } from "./seconds";

/** The time, for whoever shows it. It ticks only while somebody does and the window can be seen. */
export class Clock {
  #subscribe = createSubscriber((update) => {
    let end = () => {};
    const run = () => {
      end();
      end = document.hidden ? () => {} : atSeconds(1, update);
    };
    const seen = () => {
      run();
      update();
    };
    document.addEventListener("visibilitychange", seen);
    run();
    return () => {
      document.removeEventListener("visibilitychange", seen);
      end();
    };
  });

  /** Reading it in an effect or a template keeps that up to date, second by second. */
  get now(): Date {
    this.#subscribe();
    return new Date();
  }
}
