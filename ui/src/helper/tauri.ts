// The helper by way of the app's Rust side.

import { Channel } from "@tauri-apps/api/core";

import { commands, events, type Failure } from "./bindings";
import { Refused, type Change, type Helper } from "./helper";
import type { OpenedFile, Profiles } from "./profiles";
import type { AskedSecrets, LogLine, VpnConfiguration } from "./types";

/** Whether this page runs in the app and not in a browser. */
export function isInApp(): boolean {
  return "__TAURI_INTERNALS__" in window;
}

export function tauriHelper(): Helper {
  return {
    watch,
    start: (id) => done(commands.start(id)),
    stop: (id) => done(commands.stop(id)),
    setEnabled: (id, enabled) => done(commands.setEnabled(id, enabled)),
    details: (id) => data(commands.details(id)),
    counters: async (id) => (await data(commands.details(id))).counters,
    history: (id) => data(commands.history(id)),
    get: (id, includeSecrets) => data(commands.get(id, includeSecrets)),
    save: (configuration, secretChanges) => data(commands.save(configuration, secretChanges ?? {})),
    remove: (id) => done(commands.remove(id)),
    providers: () => data(commands.providers()),
    watchAsked,
    answerSecrets: (number, secrets, remember) => done(commands.answerSecrets(number, secrets, remember)),
    cancelSecrets: (number) => commands.cancelSecrets(number).then(() => {}),
    keepSecrets: (id, place) => done(commands.keepSecrets(id, place)),
    setOnDemand,
    pauseOnDemand: (id, end) => done(commands.pauseOnDemand(id, end)),
    resumeOnDemand: (id) => done(commands.resumeOnDemand(id)),
    explainOnDemand: (id) => data(commands.explainOnDemand(id)),
    lockDown: (allowLocalNetworks) => done(commands.lockDown(allowLocalNetworks)),
    liftLockdown: () => done(commands.liftLockdown()),
    explainRoute: (address) => data(commands.explainRoute(address)),
    explainDns: (name) => data(commands.explainDns(name)),
    selfTest: () => data(commands.selfTest()),
    diagnose: () => data(commands.diagnose()),
    saveDiagnosis: (name, files) => data(commands.saveDiagnosis(name, files)),
    ...profiles,
    settings: () => data(commands.settings()),
    keepSettings: (settings) => done(commands.keepSettings(settings)),
    watchLogs,
    startService: () => done(commands.startService()),
    restartWindow: () => done(commands.restartWindow()),
  };
}

const profiles: Profiles = {
  generateKey: () => data(commands.generateKey()),
  publicKey: (id, secret) => data(commands.publicKey(id, secret)),
  check: (configuration) => commands.checkConfiguration(configuration),
  toText: (configuration, secretNames) => data(commands.toText(configuration, secretNames)),
  fromText: (text, configuration, secretNames) => data(commands.fromText(text, configuration, secretNames)),
  watchOpened,
  openProfile: (fileName, content) => data(commands.openProfile(fileName, [...content])),
  importProfile: (configuration, replaces) => data(commands.importProfile(configuration, replaces ?? null)),
  discardProfile: (id) => commands.discardProfile(id),
  exportProfile: (id, format) => data(commands.exportProfile(id, format)),
  saveFile: (name, content) => data(commands.saveFile(name, content)),
};

function watchOpened(listener: (files: OpenedFile[]) => void): () => void {
  const take = async () => {
    const files = await commands.takeOpened();
    if (files.length > 0) listener(files.map(({ name, content }) => ({ name, content: new Uint8Array(content) })));
  };
  const listening = events.filesOpened.listen(() => void take());
  void listening.then(take);
  return () => void listening.then((stop) => stop());
}

function watch(listener: (change: Change) => void): void {
  // What happens while all that is known is on its way here is told after it.
  const early: Change[] = [];
  let hear: typeof listener = (change) => void early.push(change);
  const known = commands.attach(new Channel((change: Change) => hear(change)));
  void known.then((changes) => {
    hear = listener;
    for (const change of [...changes, ...early]) listener(change);
  });
}

function watchAsked(listener: (asked: AskedSecrets[]) => void): () => void {
  const listening = events.secretsAsked.listen(({ payload }) => listener(payload));
  void listening.then(() => commands.askedSecrets()).then(listener);
  return () => void listening.then((stop) => stop());
}

function watchLogs(listener: (lines: LogLine[]) => void): () => void {
  const listening = events.logged.listen(({ payload }) => listener(payload));
  void listening.then(() => commands.followLog());
  return () => {
    void commands.leaveLog();
    void listening.then((stop) => stop());
  };
}

async function setOnDemand(id: string, enabled: boolean): Promise<void> {
  const { configuration }: { configuration: VpnConfiguration } = await data(commands.get(id, false));
  const changed = { ...configuration, onDemand: { ...configuration.onDemand, enabled } };
  await done(commands.save(changed, {}));
}

type Answer<T> = { status: "ok"; data: T } | { status: "error"; error: Failure };

async function data<T>(answer: Promise<Answer<T>>): Promise<T> {
  const result = await answer;
  if (result.status === "error") throw new Refused(result.error);
  return result.data;
}

async function done(answer: Promise<Answer<unknown>>): Promise<void> {
  await data(answer);
}
