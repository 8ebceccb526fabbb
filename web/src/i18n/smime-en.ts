// Signatures by certificate (S/MIME), in English.
export const en = {
  good: (who: string) => `Signed by ${who} with a certificate, and unchanged since.`,
  wasGood: (who: string) => `Signed by ${who} with a certificate that was good when the message came, and is not any more.`,
  bad: "Its signature by certificate is not good.",
  sealed: "Encrypted with S/MIME: a mail program that has the certificate can open it.",
  // Why a signature is not good; the server says it in English.
  unreadable: "The signature cannot be read.",
  empty: "There is nothing that is signed.",
  notIts: "The signature does not belong to this message.",
  other: (who: string) => `It was signed by ${who}, and not by the sender.`,
  expired: "The certificate of the signer was not valid at that time.",
  untrusted: (issuer: string) => `The certificate of the signer was issued by ${issuer}, which is not trusted here.`,
  missing: "The certificate of the signer is not in the message.",
  weak: (how: string) => `It was signed with ${how}, which proves nothing any more.`,
  changed: "The message was changed after it was signed.",
};
