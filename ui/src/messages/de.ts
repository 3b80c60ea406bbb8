// Every word of the app in German.

import { detail } from "./de/detail";
import { edit } from "./de/edit";
import { files } from "./de/files";
import { frame } from "./de/frame";
import { health } from "./de/health";
import { refusals } from "./de/refusals";
import { rules } from "./de/rules";
import { schema } from "./de/schema";
import { secrets } from "./de/secrets";
import { settings } from "./de/settings";
import { state } from "./de/state";
import type { Messages } from "./en";

export const de: Messages = { ...frame, ...state, ...health, ...refusals, ...detail, ...rules, ...edit, ...files, ...secrets, ...settings, ...schema };
