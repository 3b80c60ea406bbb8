import type { App } from "../app";
import { Refused, type SecretChanges } from "../helper/helper";
import type { InvalidField, Json, Note, Provider, SecretChange, VpnConfiguration } from "../helper/types";
import { invalidInWords, refusalInWords } from "../messages/refusals";
import { isChanged, isSame, merged, secretNames, withSecretChanges, type Conflict, type Draft } from "./draft";
import { faultsOf, isAddress, isHostName, type Fault } from "./faults";
import { fromJsonText, toJsonText } from "./json-text";
import { put, stepsOf, type Step } from "./path";
import { fieldsOf, secretsOf, type Field, type Schema, type SecretField } from "./schema";
import { placeInWords } from "./words";

const WIREGUARD = "org.adit.wireguard";
const PROVIDER_CONFIGURATION: Step[] = ["protocol", "providerConfiguration"];
/** Typing pauses this long before what was typed is looked at. */
const PAUSE_MS = 250;

/** A configuration while it is edited, as a form and as a text that are always in step. */
export class Editing {
  readonly schema: Schema;
  readonly fields: Field[];
  readonly secretFields: SecretField[];
  readonly isNew: boolean;
  #app: App;
  #base: VpnConfiguration;
  #stored: readonly string[];
  #draft = $state.raw<Draft>() as Draft;
  #pause: ReturnType<typeof setTimeout> | undefined;
  /** There is something in the text that is not understood yet. */
  #isTyping = false;
  /** What the text was written from: all that it does not say differently stays as it is meanwhile. */
  #writtenFrom: VpnConfiguration;
  /** Answers to earlier questions count for nothing. */
  #asked = 0;

  /** What was typed as text and is not understood yet or was not changed elsewhere since. */
  text = $state.raw<string>();
  textProblem = $state.raw<{ line: number | undefined; sentence: string }>();
  /** What of the text counts for nothing or for something else. */
  textNotes = $state.raw<Note[]>([]);
  notes = $state.raw<Note[]>([]);
  /** What the helper has refused. */
  refusal = $state.raw<{ field: string | undefined; sentence: string }>();
  isSaving = $state(false);
  /** Fields that somebody else has changed too, and about which nobody has decided yet. */
  conflicts = $state.raw<readonly Conflict[]>([]);
  wasMerged = $state(false);

  constructor(app: App, provider: Provider | undefined, configuration: VpnConfiguration, stored: readonly string[]) {
    this.#app = app;
    this.#base = configuration;
    this.#writtenFrom = configuration;
    this.#stored = stored;
    this.#draft = { configuration, secretChanges: {} };
    this.isNew = configuration.generation === 0;
    this.schema = (provider?.configurationSchema ?? {}) as Schema;
    this.fields = fieldsOf(this.schema);
    this.secretFields = secretsOf(this.schema);
    this.#look();
  }

  get configuration(): VpnConfiguration {
    return this.#draft.configuration;
  }

  get own(): Json {
    return this.#draft.configuration.protocol.providerConfiguration ?? {};
  }

  get secretChanges(): SecretChanges {
    return this.#draft.secretChanges;
  }

  get stored(): readonly string[] {
    return this.#stored;
  }

  get secretNames(): string[] {
    return secretNames(this.#stored, this.#draft.secretChanges);
  }

  readonly isChanged = $derived.by(() => this.isNew || isChanged(this.#base, this.#draft));
  readonly faults = $derived.by((): Fault[] => [...this.#ownFaults(), ...this.#generalFaults()]);
  /** Whether everything is right as far as that can be known before it is saved. */
  readonly canSave = $derived.by(
    () => this.isChanged && this.faults.length === 0 && !this.textProblem && !this.isSaving && this.conflicts.length === 0,
  );

  get isWireGuard(): boolean {
    return this.configuration.protocol.providerId === WIREGUARD;
  }

  set(steps: readonly Step[], value: Json | undefined): void {
    this.#change(put(this.configuration as unknown as Json, steps, value) as unknown as VpnConfiguration);
  }

  setOwn(steps: readonly Step[], value: Json | undefined): void {
    this.set([...PROVIDER_CONFIGURATION, ...steps], value);
  }

  /** `undefined` leaves the secret as it was. */
  setSecret(name: string, change: SecretChange | undefined): void {
    const { [name]: _, ...others } = this.#draft.secretChanges;
    this.#draft = { ...this.#draft, secretChanges: change ? { ...others, [name]: change } : others };
    this.#changed();
  }

  /** Makes what the text tab shows, unless something is there that is not understood. */
  async showText(): Promise<void> {
    if (this.textProblem) return;
    this.#writtenFrom = this.configuration;
    try {
      this.text = this.isWireGuard
        ? await this.#app.helper.toText(this.configuration, this.secretNames)
        : toJsonText(this.configuration);
    } catch {
      this.text = undefined;
    }
  }

  typed(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.#isTyping = true;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => void this.understand(), PAUSE_MS);
  }

  /** Understands the text as it is now. */
  async understand(): Promise<void> {
    clearTimeout(this.#pause);
    const text = this.text;
    if (text === undefined) return;
    const asked = ++this.#asked;
    try {
      const understood = await this.#understood(text);
      if (asked !== this.#asked) return;
      this.#takeText(understood.draft);
      this.textNotes = understood.notes;
      this.textProblem = undefined;
      this.refusal = undefined;
      this.#look();
    } catch (error) {
      if (asked !== this.#asked) return;
      const line = error instanceof Refused ? error.line : undefined;
      this.textProblem = { line, sentence: refusalInWords(error, this.#app.language) };
    }
  }

  /** Gives up what is wrong in the text. */
  async dropText(): Promise<void> {
    this.#asked += 1;
    this.#isTyping = false;
    clearTimeout(this.#pause);
    this.textProblem = undefined;
    this.textNotes = [];
    await this.showText();
  }

  /** Somebody else has saved. Nothing that was typed is lost. */
  follow(theirs: VpnConfiguration): void {
    if (theirs.generation === this.#base.generation) return;
    const { configuration, conflicts } = merged(this.#base, this.configuration, theirs);
    const hadChanges = isChanged(this.#base, this.#draft);
    this.#base = theirs;
    this.#draft = { ...this.#draft, configuration };
    this.wasMerged = hadChanges && !isSame(configuration, theirs);
    this.conflicts = conflicts;
    this.refusal = undefined;
    this.#look();
    // What is typed and not understood yet stays; `#takeText` brings it together with what is there now.
    if (this.text !== undefined && !this.#isTyping) void this.showText();
  }

  /** Decides about a field that both have changed. Everything else stays as it is. */
  decide(conflict: Conflict, whose: "mine" | "theirs"): void {
    this.conflicts = this.conflicts.filter((other) => other !== conflict);
    if (whose === "mine") return;
    this.set(conflict.steps, conflict.theirs);
    if (this.text !== undefined) void this.showText();
  }

  /** The text says what its writer changed in it; what others have changed since it was written stays theirs. */
  #takeText(said: Draft): void {
    this.#isTyping = false;
    if (this.#writtenFrom.generation === this.#base.generation) {
      this.#draft = said;
      this.#writtenFrom = said.configuration;
      return;
    }
    const { configuration, conflicts } = merged(this.#writtenFrom, said.configuration, this.configuration);
    this.#draft = { ...said, configuration };
    this.conflicts = conflicts;
    this.wasMerged = true;
    void this.showText();
  }

  /** As it is stored, or nothing if that was refused. */
  async save(): Promise<VpnConfiguration | undefined> {
    if (this.text !== undefined) await this.understand();
    if (!this.canSave) return undefined;
    this.isSaving = true;
    this.refusal = undefined;
    try {
      const checked = await this.#app.helper.check(this.configuration);
      const stored = await this.#app.helper.save(checked.configuration, this.#draft.secretChanges);
      this.#base = stored;
      this.#stored = this.secretNames;
      this.#draft = { configuration: stored, secretChanges: {} };
      return stored;
    } catch (error) {
      const field = error instanceof Refused ? error.field : undefined;
      this.refusal = { field, sentence: refusalInWords(error, this.#app.language) };
      return undefined;
    } finally {
      this.isSaving = false;
    }
  }

  #change(configuration: VpnConfiguration): void {
    this.#draft = { ...this.#draft, configuration };
    this.#changed();
  }

  #changed(): void {
    this.refusal = undefined;
    this.wasMerged = false;
    this.textNotes = [];
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#look(), PAUSE_MS);
  }

  /** What it will do, in the words of the one who knows. */
  #look(): void {
    const asked = ++this.#asked;
    const isComplete = this.faults.length === 0;
    if (!isComplete) return void (this.notes = []);
    const answer = this.#app.helper.check(this.configuration);
    void answer.then(
      ({ notes, invalid }) => {
        if (asked !== this.#asked) return;
        this.notes = invalid ? [] : notes;
        if (invalid) this.refusal = { field: invalid.field, sentence: this.#wrong(invalid) };
      },
      () => {},
    );
  }

  #wrong(invalid: InvalidField): string {
    const { language } = this.#app;
    const place = placeInWords(stepsOf(invalid.field), this.fields, this.configuration.protocol.providerId, language);
    return `${place}: ${invalidInWords(invalid, language)}.`;
  }

  async #understood(text: string): Promise<{ draft: Draft; notes: Note[] }> {
    const { m } = this.#app.language;
    if (!this.isWireGuard) {
      const configuration = fromJsonText(text, this.configuration, m.edit.textView.json);
      return { draft: { ...this.#draft, configuration }, notes: [] };
    }
    const said = await this.#app.helper.fromText(text, this.configuration, this.secretNames);
    const secretChanges = withSecretChanges(this.#draft.secretChanges, said.secretChanges, this.#stored);
    return { draft: { configuration: said.configuration, secretChanges }, notes: said.notes };
  }

  #ownFaults(): Fault[] {
    return faultsOf(this.fields, this.own).map(({ place, why }) => ({ place: `protocol.providerConfiguration.${place}`, why }));
  }

  #generalFaults(): Fault[] {
    const { name, protocol } = this.configuration;
    const found: Fault[] = name.trim() === "" ? [{ place: "name", why: { kind: "missing" } }] : [];
    const mode = protocol.proxy?.mode;
    if (mode?.scriptUrl !== undefined && !isPage(mode.scriptUrl))
      found.push({ place: "protocol.proxy.mode.scriptUrl", why: { kind: "uri" } });
    for (const scheme of ["http", "https"] as const) {
      const server = mode?.servers?.[scheme];
      if (!server) continue;
      const place = `protocol.proxy.mode.servers.${scheme}`;
      if (server.address === "") found.push({ place: `${place}.address`, why: { kind: "missing" } });
      else if (!isHost(server.address)) found.push({ place: `${place}.address`, why: { kind: "hostname" } });
      if (server.username === "") found.push({ place: `${place}.username`, why: { kind: "missing" } });
      if (!(server.port >= 1 && server.port <= 65_535)) found.push({ place: `${place}.port`, why: { kind: "number" } });
    }
    return found;
  }
}

/** A name or an address, of IPv6 also in brackets. */
function isHost(text: string): boolean {
  return isHostName(text) || isAddress(text.replace(/^\[(.*)\]$/, "$1"));
}

function isPage(text: string): boolean {
  return URL.canParse(text) && ["http:", "https:"].includes(new URL(text).protocol);
}
