import type { FieldFaults, RefusedKinds, RefusedStarts, TextFaults } from "../refusals";

/** Those who refuse say why themselves. */
export const refusals = {
  textFaults: undefined as TextFaults | undefined,
  fieldFaults: undefined as FieldFaults | undefined,
  refusedKinds: undefined as RefusedKinds | undefined,
  refusedStarts: undefined as RefusedStarts | undefined,
};
