// The texts of OpenPGP: loaded with it.
import { en } from "../../i18n/pgp-en";
import { id } from "../../i18n/pgp-id";
import { texts } from "../../lib/language.svelte";

export const t = texts({ en, id });
