import type { MachineStatus } from "../helper/types";

/** Whether what this computer sends goes through a tunnel of somebody else, of which no more is known. */
export function isThroughForeign({ health }: MachineStatus): boolean {
  return health?.some(({ code, arguments: given }) => code === "foreign.tunnel" && given?.["all"] === "true") ?? false;
}
