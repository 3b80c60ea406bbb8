import type { App } from "../app";
import type { Json, Note, Preview, VpnConfiguration } from "../helper/types";
import { refusalInWords } from "../messages/refusals";
import { put, type Step } from "../edit/path";
import { scan } from "./scan";
import { freeName, sourcesOf, type Source, type Unusable } from "./source";

/** Which of several in one file. */
export interface Place {
  number: number;
  count: number;
}

export interface Profile {
  kind: "profile";
  key: number;
  file: string;
  of: Place | undefined;
  /** What it is called in the file, where that name is taken. */
  renamed: string | undefined;
  configuration: VpnConfiguration;
  /** The stored configuration whose later version it is. */
  replaces: string | undefined;
  fileNotes: Note[];
  notes: Note[];
  refusal?: string;
}

/** A profile that was understood, or why it was not. */
export type Candidate =
  | Profile
  | { kind: "refused"; key: number; file: string; sentence: string };

/** What is about to be imported. */
export class Candidates {
  #app: App;
  #next = 0;
  #all = $state.raw<readonly Candidate[]>([]);
  isBusy = $state(false);

  constructor(app: App) {
    this.#app = app;
  }

  get all(): readonly Candidate[] {
    return this.#all;
  }

  readonly profiles = $derived.by(() => this.#all.filter((candidate) => candidate.kind === "profile"));

  async add(given: readonly Source[]): Promise<void> {
    this.isBusy = true;
    for (const one of given) {
      for (const source of await sourcesOf(one, scan)) {
        if ("why" in source) this.#refused(source.name, this.#unusable(source));
        else await this.#open(source);
      }
    }
    this.isBusy = false;
  }

  remove(candidate: Candidate): void {
    this.#all = this.#all.filter((other) => other.key !== candidate.key);
    if (candidate.kind === "profile") void this.#app.helper.discardProfile(candidate.configuration.id);
  }

  set(key: number, steps: readonly Step[], value: Json | undefined): void {
    const candidate = this.profiles.find((profile) => profile.key === key);
    if (!candidate) return;
    const configuration = put(candidate.configuration as unknown as Json, steps, value) as unknown as VpnConfiguration;
    const { refusal: _, ...rest } = candidate;
    this.#replace({ ...rest, configuration });
    void this.#lint(key, configuration);
  }

  /** Whether no other configuration has its name. */
  isFree({ configuration, replaces }: Profile): boolean {
    const name = configuration.name.trim();
    return !this.#app.world.entries.some((entry) => entry.configuration.id !== replaces && entry.configuration.name === name);
  }

  /** Those that were stored. What was refused stays, with the reason. */
  async store(): Promise<VpnConfiguration[]> {
    this.isBusy = true;
    const stored: VpnConfiguration[] = [];
    for (const candidate of this.profiles) {
      try {
        stored.push(await this.#app.helper.importProfile(candidate.configuration, candidate.replaces));
        this.#all = this.#all.filter((other) => other.key !== candidate.key);
      } catch (error) {
        this.#replace({ ...candidate, refusal: refusalInWords(error, this.#app.language) });
      }
    }
    this.isBusy = false;
    return stored;
  }

  /** Nothing that was opened stays behind. */
  discard(): void {
    for (const { configuration } of this.profiles) void this.#app.helper.discardProfile(configuration.id);
    this.#all = [];
  }

  async #open({ name, content }: Source): Promise<void> {
    try {
      const previews = await this.#app.helper.openProfile(name, content);
      for (const [index, preview] of previews.entries()) {
        const of = previews.length === 1 ? undefined : { number: index + 1, count: previews.length };
        await this.#offer(name, preview, of);
      }
    } catch (error) {
      this.#refused(name, refusalInWords(error, this.#app.language));
    }
  }

  async #offer(file: string, { configuration, replaces, notes: fileNotes }: Preview, of: Place | undefined): Promise<void> {
    // Of several versions the one that was opened last counts.
    const earlier = this.profiles.find((profile) => replaces !== undefined && profile.replaces === replaces);
    if (earlier) this.remove(earlier);
    const others = this.#app.world.entries.filter((entry) => entry.configuration.id !== replaces).map((entry) => entry.configuration.name);
    const taken = new Set([...others, ...this.profiles.map((profile) => profile.configuration.name)]);
    const named = { ...configuration, name: freeName(configuration.name, taken) };
    const renamed = named.name === configuration.name ? undefined : configuration.name;
    const key = this.#next++;
    this.#all = [...this.#all, { kind: "profile", key, file, of, renamed, configuration: named, replaces, fileNotes, notes: [] }];
    await this.#lint(key, named);
  }

  async #lint(key: number, configuration: VpnConfiguration): Promise<void> {
    const { notes } = await this.#app.helper.check(configuration);
    const candidate = this.profiles.find((profile) => profile.key === key);
    if (candidate?.configuration === configuration) this.#replace({ ...candidate, notes });
  }

  #replace(candidate: Candidate): void {
    this.#all = this.#all.map((other) => (other.key === candidate.key ? candidate : other));
  }

  #refused(file: string, sentence: string): void {
    this.#all = [...this.#all, { kind: "refused", key: this.#next++, file, sentence }];
  }

  #unusable({ why }: Unusable): string {
    return this.#app.language.m.import.unusable[why];
  }
}
