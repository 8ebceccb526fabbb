import { en } from "../../i18n/settings-en";
import { id } from "../../i18n/settings-id";
import { texts } from "../../lib/language.svelte";

export const t = texts({ en, id });
