import type { App } from "../app";
import { isAttached, Refused } from "../helper/helper";
import type { Entry } from "../helper/types";
import { refusalInWords } from "../messages/refusals";
import { isWanted } from "./face";

/** Connects what is down and disconnects what is up or coming up. A refusal is told. */
export async function toggle({ configuration, session }: Entry, app: App): Promise<void> {
  if (session.status === "disconnecting") return;
  await attempt(app, () => (isWanted(session) ? app.helper.stop(configuration.id) : app.helper.start(configuration.id)));
}

/** Ends a session and starts it again as soon as it is down. */
export async function reconnect(id: string, app: App): Promise<void> {
  await attempt(app, async () => {
    await app.helper.stop(id);
    await app.world.until(() => app.world.entry(id)?.session.status === "disconnected");
    await app.helper.start(id);
  });
}

/** Does something the helper may refuse, and tells if it does, as long as that is of any use. Returns whether it was done. */
export async function attempt(app: App, action: () => Promise<unknown>, isOver?: () => boolean): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    app.notices.show({ tone: "stop", text: refusalInWords(error, app.language), isOver: isOver ?? overWith(error, app) });
    return false;
  }
}

/** That there is no service is over when there is one. */
function overWith(error: unknown, { world }: App): (() => boolean) | undefined {
  const isAway = error instanceof Refused && error.kind === "unavailable" && !isAttached(world.link);
  return isAway ? () => isAttached(world.link) : undefined;
}
