// The words of settings, logs and what the app is in English.

import { plural } from "../formats";

const n = (count: number, one: string, other: string) => plural("en", count, { one, other });

export const settings = {
  settings: {
    app: "This app",
    language: "Language",
    languages: { session: "That of the session", english: "English", german: "Deutsch" },
    notifications: "Notifications",
    levels: { nothing: "None", problems: "When something goes wrong", changes: "Also when a tunnel comes or goes by itself" },
    login: "Show it in the panel after login",
    loginWhy: "Tunnels need no window: the service carries them whether this app runs or not.",
    computer: "This computer",
    lockdown: "Lockdown",
    lockdownWhy: "Nothing leaves this computer but through a tunnel, whether one is connected or not, also while it starts.",
    local: "But the local network stays reachable",
    lockdownOf: (uid: number) => `The user with the number ${uid} switched it on. Only they and root switch it off.`,
  },
  look: {
    theme: "Colours",
    themes: { system: "As the desktop", light: "Light", dark: "Dark" },
    contrast: "Contrast",
    contrasts: { system: "As the desktop", more: "High" },
  },
  selfTest: {
    title: "Self-test",
    what: "Harmless packets are sent and names are asked for, to see whether anything gets past the tunnels.",
    run: "Try it out",
    running: "Trying …",
    done: (failed: number) => n(failed, "1 check failed.", failed === 0 ? "Everything is as it should be." : `${failed} checks failed.`),
    outcomes: { passed: "is as it should be", failed: "is not as it should be", notApplicable: "promises nothing here" },
  },
  logs: {
    title: "Logs",
    filter: "Filter",
    level: "Level",
    levels: { error: "Errors", warn: "Warnings and worse", info: "Information and worse", debug: "Everything" },
    copy: "Copy what is shown",
    copied: (count: number) => n(count, "1 line copied", `${count} lines copied`),
    follow: "Follow",
    toEnd: "To the newest",
    empty: "Nothing was logged yet.",
    noneFit: "No line fits the filter.",
    lines: (count: number, text: string) => n(count, "1 line", `${text} lines`),
  },
  about: {
    title: "About Adit",
    what: "A VPN client for Linux whose tunnels are plug-ins.",
    version: (version: string) => `Version ${version}`,
    service: (version: string) => `Service ${version}`,
    licence: "Adit is free software under the MIT licence or the Apache licence, version 2.0, as you like.",
    licences: "Licences",
    parts: "Made with",
    keys: "Keyboard",
  },
};
