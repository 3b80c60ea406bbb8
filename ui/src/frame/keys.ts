// Which keys mean something everywhere.

export type Command = "create" | "import" | "settings" | "logs" | "back";

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
}

const WITH_CTRL: { [key: string]: Command } = { n: "create", i: "import", ",": "settings", l: "logs" };

export function commandOf({ key, ctrlKey, altKey, shiftKey, metaKey }: Pressed): Command | undefined {
  if (altKey || metaKey || shiftKey) return undefined;
  if (key === "Escape") return ctrlKey ? undefined : "back";
  return ctrlKey ? WITH_CTRL[key.toLowerCase()] : undefined;
}

export function opensSwitcher({ key, ctrlKey, altKey, shiftKey, metaKey }: Pressed): boolean {
  return key.toLowerCase() === "k" && ctrlKey && !altKey && !shiftKey && !metaKey;
}
