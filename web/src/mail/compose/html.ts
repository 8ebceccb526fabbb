// HTML that goes into the editor and comes out of it: always through DOMPurify.
import DOMPurify, { type Config } from "dompurify";

const ADDRESS = /^(?:https?:|mailto:|tel:|cid:|blob:|#)/i;
const LETTER: Config = {
  ALLOWED_URI_REGEXP: ADDRESS,
  USE_PROFILES: { html: true },
  FORBID_TAGS: [
    "style", "form", "input", "button", "textarea", "select", "option", "dialog", "audio", "video", "source", "track", "map",
    "area", "template", "slot", "meta", "link", "base", "iframe", "object", "embed",
  ],
  FORBID_ATTR: ["id", "name", "action", "formaction", "ping", "background", "srcset", "contenteditable", "autofocus", "tabindex"],
  ADD_ATTR: ["target"],
  RETURN_DOM_FRAGMENT: true,
};
// What the editor keeps of itself to undo: with its marks of the selection.
const OWN: Config = { ...LETTER, FORBID_TAGS: (LETTER.FORBID_TAGS ?? []).filter((tag) => tag !== "input"), FORBID_ATTR: ["name"] };
// Declarations that reach out of the letter, over the page, or to another server.
const OUTSIDE = /url\s*\(|expression\s*\(|@import|position\s*:\s*(?:fixed|absolute|sticky)|z-index|behaviou?r\s*:|-moz-binding/i;

// Where HTML is only looked at: nothing of this document is ever fetched, as images of a shown one
// are, even before they are in it.
const INERT = document.implementation.createHTMLDocument("");

function inert(html: string): DocumentFragment {
  const made = DOMPurify.sanitize(html, LETTER) as unknown as DocumentFragment;
  for (const one of made.querySelectorAll<HTMLElement>("[style]"))
    if (OUTSIDE.test(one.getAttribute("style") ?? "")) one.removeAttribute("style");
  const found = INERT.importNode(made, true);
  // An image from elsewhere would tell that somebody reads the letter, and is not shown while it is written.
  for (const image of found.querySelectorAll<HTMLImageElement>("img[src]"))
    if (!/^(?:cid|blob|data):/i.test(image.getAttribute("src") ?? "")) image.replaceWith(image.alt);
  return found;
}

/** A fragment without anything that acts, for the editor; its images wait for `showImages`. */
export function clean(html: string): DocumentFragment {
  const made = inert(html);
  for (const image of made.querySelectorAll<HTMLImageElement>("img[src^='cid:' i]")) {
    image.dataset["cid"] = (image.getAttribute("src") ?? "").slice(4);
    image.removeAttribute("src");
  }
  return document.importNode(made, true);
}

/** The editor's own content again, when something is undone. */
export function own(html: string): DocumentFragment {
  return document.importNode(DOMPurify.sanitize(html, OWN) as unknown as DocumentFragment, true);
}

/** HTML without anything that acts, to be kept or sent. */
export function cleaned(html: string): string {
  const box = INERT.createElement("div");
  box.append(inert(html));
  return box.innerHTML;
}

/** What an editor's element holds as HTML to send: its images by their `cid:`. */
export function serialized(root: HTMLElement): string {
  const copy = INERT.importNode(root, true);
  for (const image of copy.querySelectorAll<HTMLImageElement>("img[data-cid]")) {
    image.setAttribute("src", `cid:${image.dataset["cid"] ?? ""}`);
    image.removeAttribute("data-cid");
  }
  for (const image of copy.querySelectorAll("img[src^='blob:']")) image.remove();
  for (const mark of copy.querySelectorAll("input")) mark.remove();
  const box = INERT.createElement("div");
  box.append(inert(copy.innerHTML));
  for (const one of box.querySelectorAll("blockquote")) one.setAttribute("type", "cite");
  return box.innerHTML;
}

/** Shows images that are told by `cid:`; `url` gives what the browser can show. */
export function showImages(root: ParentNode, url: (cid: string) => string | undefined): void {
  for (const image of root.querySelectorAll<HTMLImageElement>("img[data-cid]:not([src])")) {
    const found = url(image.dataset["cid"] ?? "");
    if (found !== undefined) image.setAttribute("src", found);
  }
}

const BLOCKS = new Set([
  "DIV", "P", "H1", "H2", "H3", "H4", "H5", "H6", "UL", "OL", "LI", "TABLE", "TR", "BLOCKQUOTE", "PRE", "HR", "SECTION",
  "ARTICLE", "HEADER", "FOOTER", "DL", "DT", "DD", "FIGURE", "ADDRESS", "CENTER",
]);
const DEPTH_MOST = 400; // deeper nesting is flattened

/** What HTML says, as text: quotations marked by ">", links with their address. */
export function toText(root: Node): string {
  const lines: string[] = [];
  let line = "";
  let quotes = 0;
  let list = "";
  let isOpen = false; // a line has begun
  const mark = (): string => (quotes > 0 ? ">".repeat(quotes) + " " : "");
  const end = (): void => {
    if (!isOpen) return;
    lines.push((mark() + line.trimEnd()).trimEnd());
    line = "";
    isOpen = false;
  };
  const add = (text: string): void => {
    if (!isOpen && text.trim() === "") return;
    if (!isOpen) line = list;
    if (!isOpen) list = list.replace(/\S/g, " ");
    isOpen = true;
    line += line.endsWith(" ") ? text.replace(/^ +/, "") : text;
  };
  const walk = (node: Node, keepsSpace: boolean, depth: number): void => {
    if (node.nodeType === Node.TEXT_NODE) {
      const text = node.nodeValue ?? "";
      if (!keepsSpace) return add(text.replace(/[ \t\r\n]+/g, " ").replace(/\u00a0/g, " ").replace(/\u200b/g, ""));
      text.split(/\r?\n/).forEach((one, n) => {
        if (n > 0) end();
        isOpen = true;
        line += one;
      });
      return;
    }
    if (!(node instanceof HTMLElement) && node.nodeType !== Node.DOCUMENT_FRAGMENT_NODE) return;
    const name = node.nodeName;
    const each = (): void => {
      if (depth > DEPTH_MOST) add(node.textContent ?? "");
      else for (const child of node.childNodes) walk(child, keepsSpace || name === "PRE", depth + 1);
    };
    if (name === "BR") {
      isOpen = true;
      end();
    } else if (name === "IMG") {
      const alt = (node as HTMLImageElement).alt;
      if (alt !== "") add(`[${alt}]`);
    } else if (name === "HR") {
      end();
      lines.push(`${mark()}${"-".repeat(40)}`);
    } else if (name === "A") {
      const href = (node as HTMLAnchorElement).getAttribute("href") ?? "";
      const said = (node.textContent ?? "").trim();
      each();
      const bare = href.replace(/^(mailto|tel):/i, "");
      if (/^(https?:|mailto:|tel:)/i.test(href) && bare !== said && href.replace(/\/$/, "") !== said) add(` <${href}>`);
    } else if (name === "TD" || name === "TH") {
      each();
      add(" ");
    } else if (BLOCKS.has(name)) {
      end();
      const outer = list;
      if (name === "LI") list = `${outer}${marker(node as HTMLElement)}`;
      if (name === "BLOCKQUOTE") quotes++;
      const before = lines.length;
      each();
      end();
      if (name === "BLOCKQUOTE") quotes--;
      if (name === "P" && lines.length > before) lines.push(mark().trimEnd());
      list = outer;
    } else each();
  };
  walk(root, false, 0);
  end();
  return lines.join("\n").replace(/\n{3,}/g, "\n\n").replace(/^\n+|\n+$/g, "");
}

function marker(item: HTMLElement): string {
  const { parentElement } = item;
  if (parentElement?.nodeName !== "OL") return "- ";
  return `${[...parentElement.children].indexOf(item) + Number(parentElement.getAttribute("start") ?? 1)}. `;
}

/** The same of HTML as text. */
export function htmlToText(html: string): string {
  return toText(inert(html));
}
