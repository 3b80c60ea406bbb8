import type { CheckCatalogue, HealthCatalogue } from "../spoken";

/** What the helper says itself. */
export const health = { healthItems: undefined as HealthCatalogue | undefined, checks: undefined as CheckCatalogue | undefined };
