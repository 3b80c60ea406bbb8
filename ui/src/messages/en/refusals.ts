import type { RefusedKinds, TextFaults } from "../refusals";

/** Those who refuse say why themselves. */
export const refusals = { textFaults: undefined as TextFaults | undefined, refusedKinds: undefined as RefusedKinds | undefined };
