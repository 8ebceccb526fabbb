// The texts of what comes up at a time: loaded with it.
import { en } from "../../i18n/reminders-en";
import { id } from "../../i18n/reminders-id";
import { texts } from "../../lib/language.svelte";

export const t = texts({ en, id });
