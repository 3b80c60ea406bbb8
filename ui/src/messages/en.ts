// Every word of the app in English. A text with parts is a function, so that a language may order them as it likes.

import { detail } from "./en/detail";
import { edit } from "./en/edit";
import { files } from "./en/files";
import { frame } from "./en/frame";
import { health } from "./en/health";
import { refusals } from "./en/refusals";
import { rules } from "./en/rules";
import { schema } from "./en/schema";
import { secrets } from "./en/secrets";
import { settings } from "./en/settings";
import { state } from "./en/state";

export const en = { ...frame, ...state, ...health, ...refusals, ...detail, ...rules, ...edit, ...files, ...secrets, ...settings, ...schema };

export type Messages = typeof en;
