// Surat yang ditunda dan pengingat, dalam bahasa Indonesia.
import type { Like } from "../lib/language.svelte";
import type { en } from "./reminders-en";

export const id: Like<typeof en> = {
  laterToday: "Nanti hari ini",
  thisEvening: "Petang ini",
  tomorrowMorning: "Besok pagi",
  atTheWeekend: "Akhir pekan",
  nextWeek: "Minggu depan",
  pickTime: "Waktu lain",
  inThePast: "Waktu ini sudah lewat.",
  snoozeLead: "Pesan meninggalkan folder ini, lalu kembali pada waktu itu.",
  followUp: "Ingatkan jika tidak dijawab",
  followUpLead: "Jika sampai saat itu belum dijawab, pesan Anda muncul di kotak masuk.",
  inDays: (n) => (n === 1 ? "dalam satu hari" : n === 7 ? "dalam seminggu" : n === 14 ? "dalam dua minggu" : `dalam ${n} hari`),
  waitsFor: (when) => `Jika tidak dijawab, pesan ini muncul di kotak masuk pada ${when}.`,
  unanswered: "Pesan ini belum dijawab.",
  sleepsUntil: (when) => `Kembali pada ${when}.`,
  wakeNow: "Kembalikan sekarang",
  cancelReminder: "Tanpa pengingat",
  doneWith: "Selesai",
  remindAgain: "Ingatkan lagi",
  back: "Muncul kembali",
  isBack: "Kembali sesuai keinginan Anda",
  isUnanswered: "Belum dijawab",
  takeOff: (subject) => `Selesai dengan “${subject}”`,
  reminderSet: (when) => `Anda diingatkan pada ${when} jika tidak dijawab.`,
  reminderGone: "Pengingat dihapus.",
};
