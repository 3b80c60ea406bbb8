import type { HealthCatalogue } from "../health";

/** What the helper says itself. */
export const health = { healthItems: undefined as HealthCatalogue | undefined };
