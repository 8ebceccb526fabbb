// Tanda tangan dengan sertifikat (S/MIME), dalam bahasa Indonesia.
import type { Like } from "../lib/language.svelte";
import type { en } from "./smime-en";

export const id: Like<typeof en> = {
  good: (who) => `Ditandatangani oleh ${who} dengan sertifikat, dan tidak berubah sejak itu.`,
  wasGood: (who) => `Ditandatangani oleh ${who} dengan sertifikat yang sah ketika pesan datang, dan kini tidak lagi.`,
  bad: "Tanda tangannya dengan sertifikat tidak sah.",
  sealed: "Dienkripsi dengan S/MIME: dapat dibuka oleh program surat yang punya sertifikatnya.",
  unreadable: "Tanda tangan tidak dapat dibaca.",
  empty: "Tidak ada yang ditandatangani.",
  notIts: "Tanda tangan itu bukan milik pesan ini.",
  other: (who) => `Pesan ditandatangani oleh ${who}, bukan oleh pengirimnya.`,
  expired: "Sertifikat penanda tangan tidak berlaku pada waktu itu.",
  untrusted: (issuer) => `Sertifikat penanda tangan diterbitkan oleh ${issuer}, yang tidak dipercaya di sini.`,
  missing: "Sertifikat penanda tangan tidak ada dalam pesan.",
  weak: (how) => `Pesan ditandatangani dengan ${how}, yang tidak lagi membuktikan apa pun.`,
  changed: "Pesan diubah setelah ditandatangani.",
};
