// The words of the fields of known providers in English.

export const schema = {
  /** By provider and place. The schemas themselves are written in English. */
  schema: {} as { [provider: string]: { [place: string]: { title: string; description?: string } } },
};
