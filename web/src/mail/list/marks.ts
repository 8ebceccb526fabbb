// A search snippet (RFC 8621 5): HTML of which nothing is used but its <mark> elements.
export interface Piece {
  text: string;
  marked: boolean;
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", "#39": "'", "#x27": "'", nbsp: "\u00a0" };

export function pieces(html: string): Piece[] {
  return html
    .split(/(<mark>[\s\S]*?<\/mark>)/)
    .filter((one) => one !== "")
    .map((one) => {
      const marked = one.startsWith("<mark>");
      const inner = marked ? one.slice(6, -7) : one;
      const text = inner.replace(/&(#?\w{1,8});/g, (whole, name: string) => ENTITIES[name] ?? whole);
      return { text, marked };
    });
}
