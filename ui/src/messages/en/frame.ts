// The words of the frame around all pages in English.

import { plural } from "../formats";

const n = (count: number, one: string, other: string) => plural("en", count, { one, other });

export const frame = {
  app: { name: "Adit" },
  common: {
    back: "Back",
    cancel: "Cancel",
    close: "Close",
    copy: "Copy",
    copied: "Copied",
    save: "Save",
    remove: "Delete",
    undo: "Undo",
    tryAgain: "Try again",
    yes: "Yes",
    no: "No",
    none: "None",
    more: "More",
  },
  frame: {
    configurations: "Configurations",
    add: "Add",
    create: "New configuration",
    import: "Import",
    settings: "Settings",
    logs: "Logs",
    about: "About Adit",
    search: "Search",
    nothingFound: (query: string) => `Nothing is called “${query}”.`,
    found: (count: number) => n(count, "1 configuration", `${count} configurations`),
    notice: "Notice",
    skip: "Skip to the configuration",
  },
  service: {
    missingTitle: "The Adit service is not running",
    missingWhy: "It carries the tunnels and owns the configurations. Nothing can be shown or changed without it.",
    start: "Start the service",
    orBy: "or in a terminal:",
    watching: "This page disappears as soon as the service runs.",
    otherTitle: "The service is of another version",
    otherWhy: (helper: string, app: string) =>
      `The service is version ${helper}, this window is ${app}. Tunnels go on meanwhile.`,
    restart: "Restart this window to use the new version.",
    failedTitle: "The Adit service does not answer",
    untrustedTitle: "This is not the Adit service",
    connecting: "Looking for the Adit service …",
    lost: "The connection to the service was lost. What is shown is from before.",
  },
  empty: {
    title: "No configurations yet",
    drop: "Drop a .conf or .mobileconfig file here, paste its text, or choose a file or the picture of a QR code.",
    dropNow: "Drop it to see what it would do",
    choose: "Choose a file …",
    paste: "Paste",
    create: "Create a WireGuard tunnel",
    createWhy: "Makes the keys and shows the public one to hand to the administrator.",
  },
  switcher: {
    title: "Switch a connection",
    hint: "Type a name",
    connects: "Enter connects",
    disconnects: "Enter disconnects",
    opens: "Shift+Enter opens",
  },
  keys: {
    title: "Keyboard",
    names: { control: "Ctrl", space: "Space" },
    list: "Another configuration of the list",
    save: "Save what is edited",
    moveUp: "Move the focused rule up",
    moveDown: "Move it down",
    switcher: "Switch a connection by name",
    create: "New configuration",
    import: "Import",
    settings: "Settings",
    logs: "Logs",
    back: "Back",
    toggle: "Connect or disconnect the focused configuration",
  },
  time: {
    /** In the middle of a sentence. */
    in: (span: string) => `in ${span}`,
    soon: "at once",
  },
};
