import { describe, expect, it } from "vitest";
import type { Address, Email } from "../../../src/lib/jmap/types";
import * as quote from "../../../src/mail/compose/quote";
import { promisesAttachment, warnings, type Looked } from "../../../src/mail/compose/warnings";

const who = (...emails: string[]): Address[] => emails.map((email) => ({ name: null, email }));
const email = (parts: Partial<Email>): Email => ({ from: null, to: null, cc: null, bcc: null, replyTo: null, messageId: null, inReplyTo: null, references: null, subject: null, ...parts }) as Email;
const emails = ({ to, cc }: quote.Recipients): [string[], string[]] => [to.map((one) => one.email), cc.map((one) => one.email)];
const OWN = ["me@a.example", "*@wild.example"];

describe("who gets an answer", () => {
  it("is the one who wrote, or where they want it", () => {
    const one = email({ from: who("x@b.example"), to: who("me@a.example", "y@b.example"), cc: who("z@b.example") });
    expect(emails(quote.replyRecipients(one, OWN, false))).toEqual([["x@b.example"], []]);
    expect(emails(quote.replyRecipients({ ...one, replyTo: who("r@b.example") }, OWN, false))).toEqual([["r@b.example"], []]);
  });
  it("is everybody but oneself, each once", () => {
    const one = email({ from: who("x@b.example"), to: who("ME@a.example", "y@b.example", "X@b.example"), cc: who("z@b.example", "y@b.example", "me@a.example") });
    expect(emails(quote.replyRecipients(one, OWN, true))).toEqual([["x@b.example", "y@b.example"], ["z@b.example"]]);
  });
  it("of one's own letter is who got it", () => {
    const one = email({ from: who("me@a.example"), to: who("y@b.example"), cc: who("z@b.example") });
    expect(emails(quote.replyRecipients(one, OWN, false))).toEqual([["y@b.example"], []]);
    expect(emails(quote.replyRecipients(one, OWN, true))).toEqual([["y@b.example"], ["z@b.example"]]);
    expect(emails(quote.replyRecipients(email({ from: who("me@a.example"), to: who("me@a.example") }), OWN, true))).toEqual([["me@a.example"], []]);
  });
});

describe("an answer", () => {
  it("has one prefix", () => {
    expect(quote.replySubject("Re: AW: Fwd: RE[2]: Halo")).toBe("Re: Halo");
    expect(quote.replySubject("Bls: Rapat: besok")).toBe("Re: Rapat: besok");
    expect(quote.forwardSubject("re: x")).toBe("Fwd: x");
    expect(quote.replySubject(null)).toBe("Re:");
    expect(quote.replySubject("Research: plan")).toBe("Re: Research: plan");
  });
  it("goes on with the thread", () => {
    expect(quote.threading(email({ messageId: ["c"], references: ["a", "b"] }))).toEqual({ inReplyTo: ["c"], references: ["a", "b", "c"] });
    expect(quote.threading(email({ messageId: ["c"], inReplyTo: ["b"] })).references).toEqual(["b", "c"]);
    const long = Array.from({ length: 100 }, (_, n) => `r${n}`);
    expect(quote.threading(email({ messageId: ["c"], references: long })).references).toHaveLength(30);
  });
  it("quotes the words, not the signature", () => {
    expect(quote.quoteText("Halo\r\n\r\n> lama\r\n-- \r\nAni\r\n")).toBe("> Halo\n>\n>> lama");
    expect(quote.quoteText("\n\n")).toBe("");
  });
  it("comes from the address that was written to", () => {
    const some = [{ id: "1", email: "first@a.example" }, { id: "2", email: "me@a.example" }, { id: "3", email: "*@wild.example" }] as quote.Identity[];
    const answer = (to: string): [string, string] | null => {
      const found = quote.answeringAs(some, email({ to: who("q@q.example", to) }));
      return found && [found.identity.id, found.address];
    };
    expect(answer("Me@a.example")).toEqual(["2", "me@a.example"]);
    expect(answer("any@wild.example")).toEqual(["3", "any@wild.example"]);
    expect(answer("other@b.example")).toEqual(["1", "first@a.example"]);
  });
  it("shows text as it is", () => expect(quote.textToHtml("a <b>\n\nc  d")).toBe("<div>a &#60;b&#62;</div><div><br></div><div>c &nbsp;d</div>"));
});

describe("before a letter goes", () => {
  const letter: Looked = { recipients: who("ani@a.example"), subject: "x", text: "y", attachments: 0, uploading: false, inside: new Set(["a.example"]), known: new Set(["k@known.example"]) };
  const kinds = (more: Partial<Looked>): string[] => warnings({ ...letter, ...more }).map((one) => one.kind);

  it("an ordinary one passes", () => expect(kinds({})).toEqual([]));
  it("somebody has to get it, and can", () => {
    expect(kinds({ recipients: [] })).toEqual(["nobody"]);
    expect(kinds({ recipients: who("nobody", "ani@a.example") })).toEqual(["invalid"]);
    expect(kinds({ uploading: true })).toEqual(["uploading"]);
  });
  it("strangers outside are named, those known are not", () => {
    expect(warnings({ ...letter, recipients: who("b@out.example", "K@known.example", "c@a.example") })).toEqual([{ kind: "outside", addresses: ["b@out.example"] }]);
  });
  it("a look-alike is named once", () => {
    expect(warnings({ ...letter, recipients: who("x@knovvn.example") })).toEqual([{ kind: "lookalike", address: "x@knovvn.example", like: "known.example" }]);
  });
  it("a subject is missed", () => expect(kinds({ subject: " " })).toEqual(["subject"]));
  it.each(["Please see the attached file", "The attachments follow", "Terlampir laporan bulan ini", "Saya lampirkan fakturnya", "Berikut saya kirimkan file", "Lihat lampiran", "Mohon cek berkas berikut", "enclosed you find"])(
    "%s promises an attachment", (text) => {
      expect(kinds({ text })).toEqual(["attachment"]);
      expect(kinds({ text, attachments: 1 })).toEqual([]);
    });
  it.each(["> see the attached file", "I am not attachedly", "Hello\n-- \nsee my attachment", "tanpa lampiran", "no attachments here", "saya terlambat"])("%s does not", (text) => {
    expect(promisesAttachment("", text)).toBe(false);
  });
});
