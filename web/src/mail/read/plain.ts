// Plain text as pieces: lines of one's own, quotes by their depth, links.
export interface Block {
  depth: number;
  text: string;
}
export type Span = { text: string; href?: string };

/** Neighbouring lines of the same depth of quotation. */
export function blocks(text: string): Block[] {
  const found: Block[] = [];
  for (const line of text.replace(/\r\n?/g, "\n").split("\n")) {
    const mark = /^(?:> ?)+/.exec(line)?.[0] ?? "";
    const depth = [...mark].filter((one) => one === ">").length;
    const rest = line.slice(mark.length);
    const last = found.at(-1);
    if (last !== undefined && last.depth === depth) last.text += `\n${rest}`;
    else found.push({ depth, text: rest });
  }
  return found;
}

const LINK = /\b(?:https?:\/\/|www\.)[^\s<>"'`{}|\\^]{2,2000}|\b[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}\b/gi;
const TAIL = /[.,;:!?)\]}'"»…]+$/;

export function spans(text: string): Span[] {
  const found: Span[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    let link = match[0];
    const tail = TAIL.exec(link)?.[0] ?? "";
    // A closing bracket belongs to an address that opened one.
    link = link.slice(0, link.length - tail.length);
    if (tail.startsWith(")") && link.includes("(")) link += ")";
    const href = /^https?:/i.test(link) ? link : link.includes("@") && !link.startsWith("www.") ? `mailto:${link}` : `https://${link}`;
    if (match.index > at) found.push({ text: text.slice(at, match.index) });
    found.push({ text: link, href });
    at = match.index + link.length;
  }
  if (at < text.length) found.push({ text: text.slice(at) });
  return found;
}
