// The words of what only the person has: keys and passwords that are asked for.

export const secrets = {
  asked: {
    title: (what: string, name: string) => `${what} for “${name}”`,
    several: "Keys and passwords",
    what: (server: string) => `Needed for the connection to ${server}; the Adit service does not keep this.`,
    whatFor: (user: string, server: string) => `Needed for the connection to ${server} as ${user}; the Adit service does not keep this.`,
    refused: "This was not accepted. Enter it again.",
    remember: "Remember it in the keyring",
    connect: "Connect",
    once: "What you enter counts for this session alone.",
    trouble: {
      missing: "This session has no keyring, such as GNOME Keyring or KWallet.",
      locked: "The keyring is locked.",
      notUnlocked: "The keyring was not unlocked.",
      failed: "The keyring does not work.",
    },
    secret: {
      privateKey: "Private key",
      password: "Password",
      presharedKey: (peer: string) => `Preshared key for ${peer}`,
    },
  },
};
