import { describe, expect, it, vi } from "vitest";
import { attachedSize, email, emptyLetter, isBlank, listed, shownImages, type Attachment, type Letter } from "../../../src/mail/compose/letter";
import { matching, weight, type Correspondent } from "../../../src/mail/compose/recipients";
import { Saver } from "../../../src/mail/compose/saver";
import { calls } from "../../../src/mail/compose/sending";

vi.mock("../../../src/lib/http", () => ({ json: vi.fn() }));

const ME = { name: "Me", email: "me@a.example" };
const file = (more: Partial<Attachment> = {}): Attachment => ({ key: "k", name: "f.pdf", type: "application/pdf", size: 100, blobId: "B1", cid: null, progress: 1, fault: null, ...more });
const letter = (more: Partial<Letter> = {}): Letter => ({ ...emptyLetter(ME, "I1", true), to: [{ name: null, email: "x@b.example" }], html: "<div>Halo</div>", text: "Halo", subject: "S", ...more });

describe("a letter", () => {
  it("in plain text is one part", () => {
    const made = email(letter({ isRich: false, inReplyTo: ["a@b"], references: ["c@d", "a@b"] }));
    expect(made["bodyStructure"]).toEqual({ type: "text/plain", partId: "text" });
    expect(made["bodyValues"]).toEqual({ text: { value: "Halo" } });
    expect(made).toMatchObject({ from: [ME], subject: "S", inReplyTo: ["a@b"], references: ["c@d", "a@b"] });
    expect(made).not.toHaveProperty("cc");
  });
  it("with everything is mixed of alternative of related", () => {
    const image = file({ key: "i", name: "p.png", type: "image/png", blobId: "B2", cid: "c1" });
    const gone = file({ key: "g", name: "q.png", type: "image/png", blobId: "B3", cid: "c2" });
    const late = file({ key: "l", blobId: null });
    const one = letter({ html: '<div><img src="cid:c1"></div>', attachments: [file(), image, gone, late] });
    expect(email(one)["bodyStructure"]).toEqual({
      type: "multipart/mixed",
      subParts: [
        { type: "multipart/alternative", subParts: [
          { type: "text/plain", partId: "text" },
          { type: "multipart/related", subParts: [
            { type: "text/html", partId: "html" },
            { type: "image/png", blobId: "B2", name: "p.png", disposition: "inline", cid: "c1" },
          ] },
        ] },
        { type: "application/pdf", blobId: "B1", name: "f.pdf", disposition: "attachment" },
      ],
    });
    expect(shownImages(one)).toEqual([image]);
    expect(listed(one).map((each) => each.key)).toEqual(["k", "l"]);
    expect(attachedSize(one)).toBeGreaterThan(4 * 100);
  });
  it("is blank until something is written", () => {
    expect(isBlank(emptyLetter(ME, "I1", true))).toBe(true);
    expect(isBlank(letter())).toBe(false);
    expect(isBlank(letter(), letter())).toBe(true);
    expect(isBlank(letter({ subject: "T" }), letter())).toBe(false);
  });
});

describe("sending", () => {
  const boxes = { drafts: "D", sent: "S" };
  it("makes the email, submits it, and moves it when that has worked", () => {
    const about = { id: "E9", account: "A", keyword: "$answered" } as const;
    const one = letter({ draftId: "E1", bcc: [{ name: null, email: "X@b.example" }, { name: null, email: "y@b.example" }], about });
    const [set, submit, answered] = calls("A", one, boxes, { kind: "after", seconds: 10 });
    expect(set?.[0]).toBe("Email/set");
    expect(set?.[1]).toMatchObject({ create: { letter: { mailboxIds: { D: true }, keywords: { $draft: true, $seen: true } } } });
    expect(submit).toEqual(["EmailSubmission/set", {
      accountId: "A",
      create: { sent: { identityId: "I1", emailId: "#letter", envelope: {
        mailFrom: { email: "me@a.example", parameters: { HOLDFOR: "10" } },
        rcptTo: [{ email: "x@b.example", parameters: null }, { email: "y@b.example", parameters: null }],
      } } },
      onSuccessUpdateEmail: { "#sent": { "mailboxIds/D": null, "mailboxIds/S": true, "keywords/$draft": null } },
    }]);
    expect(answered).toEqual(["Email/set", { accountId: "A", update: { E9: { "keywords/$answered": true } } }]);
  });
  it("may be put off", () => {
    const parameters = (when: Parameters<typeof calls>[3]): unknown => (calls("A", letter(), boxes, when)[1]?.[1] as { create: { sent: { envelope: { mailFrom: { parameters: unknown } } } } }).create.sent.envelope.mailFrom.parameters;
    expect(parameters({ kind: "at", time: new Date("2027-01-02T03:04:05.678Z") })).toEqual({ HOLDUNTIL: "2027-01-02T03:04:05Z" });
    expect(parameters({ kind: "now" })).toBeNull();
  });
});

describe("completing", () => {
  const now = 1_800_000_000_000;
  const one = (email: string, name: string, letters = 1, days = 1): Correspondent => ({ email, name, letters, lastAt: now - days * 86_400_000 });
  const known = [one("ani@a.example", "Ani Wijaya", 50, 400), one("anton@b.example", "", 1, 1), one("budi.anggoro@c.example", "Budi Anggoro", 5, 3), one("jose@d.example", "José", 1, 1)];
  const found = (typed: string, but: string[] = []): string[] => matching(known, typed, now, 8, but).map((each) => each.email);
  it("looks at the beginnings of names and addresses", () => {
    expect(found("wij")).toEqual(["ani@a.example"]);
    expect(found("budi ang")).toEqual(["budi.anggoro@c.example"]);
    expect(found("jose")).toEqual(["jose@d.example"]);
    expect(found("c.exam")).toEqual(["budi.anggoro@c.example"]);
    expect(found("zz")).toEqual([]);
    expect(found(" ")).toEqual([]);
  });
  it("puts the likely ones first and leaves out those named", () => {
    expect(weight(one("a", "", 1, 0), now)).toBeGreaterThan(weight(one("a", "", 1, 300), now));
    expect(found("an")).toHaveLength(3);
    expect(found("an", ["ANI@a.example"])).toHaveLength(2);
  });
  it("gives few of many", () => {
    const many = Array.from({ length: 5000 }, (_, n) => one(`person${n}@x${n % 50}.example`, `Person Number ${n}`, n % 7, n % 90));
    expect(matching(many, "per", now)).toHaveLength(8);
  });
});

describe("saving", () => {
  it("waits for a pause, but not for ever, and saves one at a time", async () => {
    vi.useFakeTimers();
    const saved: number[] = [];
    let free: (() => void) | null = null;
    const saver = new Saver<number>(async (value) => {
      saved.push(value);
      await new Promise<void>((resolve) => (free = resolve));
    }, 100, 350);
    for (let n = 0; n < 10; n++) {
      saver.changed(n);
      await vi.advanceTimersByTimeAsync(60);
    }
    expect(saved).toEqual([5]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(saved).toEqual([5]); // still running
    free!();
    await vi.advanceTimersByTimeAsync(0);
    expect(saved).toEqual([5, 9]);
    free!();
    await saver.flush();
    saver.changed(10);
    const stopping = saver.stop();
    await stopping;
    saver.changed(11);
    await vi.advanceTimersByTimeAsync(1000);
    expect(saved).toEqual([5, 9]);
    vi.useRealTimers();
  });
  it("tries again what has failed", async () => {
    let fails = true;
    const saved: string[] = [];
    const saver = new Saver<string>(async (value) => {
      if (fails) throw new Error("offline");
      saved.push(value);
    }, 10_000);
    saver.changed("a");
    await saver.flush();
    fails = false;
    await saver.flush();
    expect(saved).toEqual(["a"]);
    await saver.stop();
  });
});
