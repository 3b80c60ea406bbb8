import { createSubscriber } from "svelte/reactivity";

/** The time, for whoever shows it. It ticks only while somebody does and the window can be seen. */
export class Clock {
  #subscribe = createSubscriber((update) => {
    let timer: ReturnType<typeof setInterval> | undefined;
    const run = () => {
      clearInterval(timer);
      if (!document.hidden) timer = setInterval(update, 1000);
    };
    const seen = () => {
      run();
      update();
    };
    document.addEventListener("visibilitychange", seen);
    run();
    return () => {
      document.removeEventListener("visibilitychange", seen);
      clearInterval(timer);
    };
  });

  /** Reading it in an effect or a template keeps that up to date, second by second. */
  get now(): Date {
    this.#subscribe();
    return new Date();
  }
}
