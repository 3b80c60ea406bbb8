import type { App } from "../app";
import type { Entry } from "../helper/types";
import { attempt } from "./toggle";

/** Takes a configuration out of sight and ends its session; it is deleted when it can no longer be undone. The helper
 * never gives an id a second time, so a deletion itself could not be. */
export async function remove({ configuration }: Entry, app: App): Promise<void> {
  const { helper, world, notices, router, language } = app;
  const { id, name } = configuration;
  await attempt(app, () => helper.stop(id));
  world.hide(id);
  await router.go({ kind: "home" });
  const erase = async () => {
    removeEventListener("pagehide", erase);
    if (!(await attempt(app, () => helper.remove(id)))) world.unhide(id);
  };
  // Whoever closes the window has no more use for the undo.
  addEventListener("pagehide", erase);
  notices.show({
    tone: "plain",
    text: language.m.head.removed(name),
    action: {
      label: language.m.common.undo,
      run: () => {
        removeEventListener("pagehide", erase);
        world.unhide(id);
      },
    },
    ongone: () => void erase(),
  });
}
