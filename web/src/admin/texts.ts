import { en } from "../i18n/admin-en";
import { id } from "../i18n/admin-id";
import { texts } from "../lib/language.svelte";

export const t = texts({ en, id });
