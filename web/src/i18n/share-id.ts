// Berbagi folder, dalam bahasa Indonesia.
import type { Like } from "../lib/language.svelte";
import type { en } from "./share-en";

export const id: Like<typeof en> = {
  title: (folder) => `Bagikan “${folder}”`,
  lead: "Yang disebut di sini melihat folder ini di antara folder mereka, di semua program.",
  nobody: "Tidak dibagikan kepada siapa pun.",
  who: "Kepada siapa",
  choose: "Pilih seseorang",
  add: "Bagikan",
  may: (name) => `Apa yang boleh dilakukan ${name}`,
  read: "boleh membaca",
  change: "boleh membaca dan mengubah",
  other: "seperti diatur di tempat lain",
  everybody: (domain) => `Semua orang di ${domain}`,
  remove: (name) => `Jangan bagikan lagi kepada ${name}`,
};
