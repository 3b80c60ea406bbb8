// Files and texts of configurations, and keys. Only `importProfile` changes what is stored.

import type { Checked, Preview, ProfileFormat, Understood, VpnConfiguration } from "./bindings";

export interface OpenedFile {
  name: string;
  content: Uint8Array;
}

export interface Profiles {
  /** Makes a key pair and returns its public half. A save asks for the private one by it. */
  generateKey(): Promise<string>;
  /** The public half of the stored key `secret`. */
  publicKey(id: string, secret: string): Promise<string>;

  /** What a configuration will do, and what would be refused. */
  check(configuration: VpnConfiguration): Promise<Checked>;
  /** A WireGuard configuration as a file of wg-quick, with `(hidden)` in place of each secret. */
  toText(configuration: VpnConfiguration, secretNames: string[]): Promise<string>;
  /** What became of that text. Refused with the line that is wrong. */
  fromText(text: string, configuration: VpnConfiguration, secretNames: string[]): Promise<Understood>;

  /** Tells of files that were given to the app from outside, those from before too, until the returned function is called. */
  watchOpened(listener: (files: OpenedFile[]) => void): () => void;
  /** Understands a file; a profile of Apple's may have several. Secrets wait in the app for `importProfile`. */
  openProfile(fileName: string, content: Uint8Array): Promise<Preview[]>;
  /** Stores what was opened, perhaps with another name and other protections, in the place of the one that it `replaces`. */
  importProfile(configuration: VpnConfiguration, replaces?: string): Promise<VpnConfiguration>;
  /** Forgets what was opened. */
  discardProfile(id: string): Promise<void>;
  /** A file with its keys: whoever can read it can use the tunnel. */
  exportProfile(id: string, format: ProfileFormat): Promise<string>;
  /** Asks where, and writes a file that only the user can read. Whether that was not cancelled. */
  saveFile(name: string, content: string): Promise<boolean>;
}
