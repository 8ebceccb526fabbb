// Sharing a folder, in English.
export const en = {
  title: (folder: string) => `Share “${folder}”`,
  lead: "Who is named here sees this folder among their own, in every program.",
  nobody: "Shared with nobody.",
  who: "With whom",
  choose: "Choose somebody",
  add: "Share",
  may: (name: string) => `What ${name} may do`,
  read: "may read",
  change: "may read and change",
  other: "as set elsewhere",
  everybody: (domain: string) => `Everybody at ${domain}`,
  remove: (name: string) => `Share no more with ${name}`,
};
