// The editor of rich text: Squire, with every way in through DOMPurify, and Trusted Types kept.
// Loaded when somebody begins to write.
import Squire from "squire-rte";
import { clean, own, toText } from "./html";

export type Format = "bold" | "italic" | "underline" | "strike" | "list" | "numbers" | "quote" | "code" | "link";
/** What is so where the cursor is. */
export type Formats = Record<Format, boolean>;

const TAGS: Record<Format, string> = {
  bold: "B", italic: "I", underline: "U", strike: "S", list: "UL", numbers: "OL", quote: "BLOCKQUOTE", code: "PRE", link: "A",
};

export class Editor extends Squire {
  constructor(root: HTMLElement) {
    super(root, {
      sanitizeToDOMFragment: (html) => clean(html),
      toPlainText: (html) => toText(clean(html)),
      didError: () => undefined,
      tagAttributes: { blockquote: { type: "cite" }, a: { target: "_blank", rel: "noopener noreferrer" } } as never,
    });
  }

  /** Squire sets innerHTML here, which Trusted Types forbid; the HTML is its own of before. */
  override _setRawHTML(html: string): this {
    const root = this.getRoot();
    root.replaceChildren(own(html));
    if (root.firstChild === null) root.append(this.createDefaultBlock());
    return this;
  }

  formats(): Formats {
    const has = (name: Format): boolean => this.hasFormat(TAGS[name]);
    return {
      bold: has("bold"), italic: has("italic"), underline: has("underline"), strike: has("strike"), list: has("list"),
      numbers: has("numbers"), quote: has("quote"), code: has("code") || this.hasFormat("CODE"), link: has("link"),
    };
  }

  toggle(format: Exclude<Format, "link">): void {
    const is = this.formats()[format];
    switch (format) {
      case "bold": return void (is ? this.removeBold() : this.bold());
      case "italic": return void (is ? this.removeItalic() : this.italic());
      case "underline": return void (is ? this.removeUnderline() : this.underline());
      case "strike": return void (is ? this.removeStrikethrough() : this.strikethrough());
      case "list": return void (is ? this.removeList() : this.makeUnorderedList());
      case "numbers": return void (is ? this.removeList() : this.makeOrderedList());
      case "quote": return void (is ? this.decreaseQuoteLevel() : this.increaseQuoteLevel());
      case "code": return void this.toggleCode();
    }
  }
}
