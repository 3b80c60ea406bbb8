/** Warnings about accessibility are errors here: `npm run ui:check` fails on them. */
export default { compilerOptions: { runes: true } };
