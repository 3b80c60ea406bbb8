import type { Editing } from "./editing.svelte";
import type { Step } from "./path";
import type { Field } from "./schema";

/** What every view of a field is given. */
export interface FieldProps<Kind extends Field["kind"]> {
  field: Extract<Field, { kind: Kind }>;
  steps: Step[];
  editing: Editing;
  id: string;
  title: string;
  description: string | undefined;
}
