// The language of the page, and texts in it.
//
//   const t = texts({ en, id });        en and id have the same keys: the types see to it
//   <p>{t.greeting}</p>                 changes when the language does
export type Code = "en" | "id";
export const LANGUAGES: Record<Code, string> = { en: "English", id: "Bahasa Indonesia" };
const KEPT = "merpati.language";

function preferred(): Code {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "id") return kept;
  return navigator.languages.some((one) => one.startsWith("id")) ? "id" : "en";
}

export const language: { code: Code } = $state({ code: preferred() });
document.documentElement.lang = language.code;

export function speak(code: Code): void {
  language.code = code;
  localStorage.setItem(KEPT, code);
  document.documentElement.lang = code;
}

/** What a dictionary of English texts demands of the others: the same keys, the same shapes. */
export type Like<T> = {
  [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...given: infer A) => string
      ? (...given: A) => string
      : Like<T[K]>;
};

/** The texts of the language that is spoken now; reading one in a template follows a change. */
export function texts<T extends object>(all: { en: T; id: Like<T> }): Like<T> {
  return new Proxy({} as Like<T>, {
    get: (_, key) => Reflect.get(all[language.code], key) as unknown,
  });
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language.code + name;
  let made = FORMATS.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(language.code === "id" ? "id-ID" : "en-GB", options);
    FORMATS.set(key, made);
  }
  return made;
}

/** For a list: the time today, the day this year, else the date. */
export function shortDate(iso: string, now: Date = new Date()): string {
  const date = new Date(iso);
  if (date.toDateString() === now.toDateString())
    return format("time", { hour: "2-digit", minute: "2-digit" }).format(date);
  if (date.getFullYear() === now.getFullYear())
    return format("day", { day: "numeric", month: "short" }).format(date);
  return format("date", { day: "numeric", month: "short", year: "numeric" }).format(date);
}

const LONG = {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
} as const;

/** In full, with the weekday and the time. */
export function longDate(iso: string): string {
  return format("long", LONG).format(new Date(iso));
}

/** From one time to another; what both share is said once. */
export function longSpan(from: string, to: string): string {
  return format("long", LONG).formatRange(new Date(from), new Date(to));
}

const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** 1536 -> "1.5 KB". */
export function fileSize(bytes: number): string {
  let unit = 0;
  while (bytes >= 1000 && unit < UNITS.length - 1) {
    bytes /= 1024; // as the settings count them
    unit += 1;
  }
  const digits = bytes < 10 && unit > 0 ? 1 : 0;
  return `${number(bytes, digits)} ${UNITS[unit]}`;
}

export function number(value: number, digits = 0): string {
  return value.toLocaleString(language.code === "id" ? "id-ID" : "en-GB", {
    maximumFractionDigits: digits,
  });
}
