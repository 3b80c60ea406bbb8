// The words of what only the person has, in German.

import type { secrets as English } from "../en/secrets";

export const secrets: typeof English = {
  asked: {
    title: (what, name) => `${what} für „${name}“`,
    several: "Schlüssel und Passwörter",
    what: (server) => `Für die Verbindung mit ${server} nötig; der Adit-Dienst bewahrt das nicht auf.`,
    whatFor: (user, server) => `Für die Verbindung mit ${server} als ${user} nötig; der Adit-Dienst bewahrt das nicht auf.`,
    refused: "Das wurde nicht angenommen. Geben Sie es noch einmal ein.",
    remember: "Im Schlüsselbund merken",
    connect: "Verbinden",
    once: "Was Sie eingeben, gilt nur für diese Sitzung.",
    trouble: {
      missing: "Diese Sitzung hat keinen Schlüsselbund wie GNOME Keyring oder KWallet.",
      locked: "Der Schlüsselbund ist gesperrt.",
      notUnlocked: "Der Schlüsselbund wurde nicht entsperrt.",
      failed: "Der Schlüsselbund funktioniert nicht.",
    },
    secret: {
      privateKey: "Privater Schlüssel",
      password: "Passwort",
      presharedKey: (peer) => `Vorab geteilter Schlüssel für ${peer}`,
    },
  },
};
