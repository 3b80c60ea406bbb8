/** Calls at whole seconds of the clock until the returned function is called, each or every so many. All that is shown changes in the
 * same picture so: after each that it draws, WebKit waits for twenty more. */
export function atSeconds(every: number, call: () => void): () => void {
  const period = every * 1000;
  let timer: ReturnType<typeof setTimeout>;
  const wait = () => {
    timer = setTimeout(() => {
      wait();
      call();
    }, period - (Date.now() % period));
  };
  wait();
  return () => clearTimeout(timer);
}
