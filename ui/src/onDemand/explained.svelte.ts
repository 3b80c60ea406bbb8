import type { Helper } from "../helper/helper";
import type { OnDemandExplanation } from "../helper/bindings";
import type { Entry } from "../helper/types";

/** What rules make of the network, asked anew whenever the session changes. Called while a component is made. */
export function explained(helper: Helper, entry: () => Entry | undefined): { readonly now: OnDemandExplanation | undefined } {
  let known = $state.raw<OnDemandExplanation>();
  $effect(() => {
    const about = entry();
    const hasRules = (about?.configuration.onDemand?.rules ?? []).length > 0;
    if (!about || !hasRules) {
      known = undefined;
      return;
    }
    let isOver = false;
    // Without an answer the rules are shown without their reasons.
    const heard = (answer: OnDemandExplanation | undefined) => !isOver && (known = answer);
    void helper.explainOnDemand(about.configuration.id).then(heard, () => heard(undefined));
    return () => (isOver = true);
  });
  return {
    get now() {
      return known;
    },
  };
}
