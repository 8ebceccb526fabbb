import { en } from "../../i18n/compose-en";
import { id } from "../../i18n/compose-id";
import { texts } from "../../lib/language.svelte";

export const t = texts({ en, id });
