// The document of a message's HTML: cleaned once more, its images put in, its links told apart. It is
// shown in a sandboxed frame of an origin of its own, where no script runs and nothing is loaded.
import DOMPurify from "dompurify";
import type { SafeHtml } from "./load";
import { organisation } from "./verdict";

const PLACE = /^mp-image:(\d{1,4})$/;
const DATA = /^data:image\/(?:png|gif|jpeg|jpg|webp);base64,/;
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'";
const TARGET = "color:#8a4b00!important;background:#fff3d6!important;font:600 12px system-ui,sans-serif!important;display:inline!important;visibility:visible!important;opacity:1!important;padding:0 4px!important;border-radius:4px!important;text-transform:none!important";

export interface Shown {
  document: string;
  /** Whether a link's text names another place than it leads to. */
  deceives: boolean;
}

/** `images` holds data: addresses by the number of the image; what has none stays empty. */
export function frame(safe: SafeHtml, images: ReadonlyMap<number, string>, dark: boolean): Shown {
  const purified = DOMPurify.sanitize(safe.html, {
    RETURN_DOM: true,
    USE_PROFILES: { html: true },
    ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|#|mp-image:|data:image\/)/i,
    ADD_ATTR: ["target", "align", "bgcolor", "valign"],
    FORBID_TAGS: ["style", "form", "input", "button", "textarea", "select", "video", "audio", "map", "area"],
    FORBID_ATTR: ["srcset", "background", "poster", "action", "formaction", "ping", "slot", "part", "popover"],
  }) as unknown as HTMLElement;
  for (const image of purified.querySelectorAll("img")) {
    const source = image.getAttribute("src") ?? "";
    const place = PLACE.exec(source)?.[1];
    const found = place === undefined ? (DATA.test(source) ? source : undefined) : images.get(Number(place));
    if (found === undefined) {
      image.removeAttribute("src");
      image.setAttribute("class", "mp-missing");
    } else image.setAttribute("src", found);
  }
  let deceives = false;
  for (const link of purified.querySelectorAll("a")) {
    const target = link.getAttribute("href");
    if (target === null || target.startsWith("#")) {
      link.removeAttribute("target");
      continue;
    }
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer nofollow");
    link.setAttribute("title", target);
    if (leadsElsewhere(link.textContent ?? "", target)) {
      deceives = true;
      const told = link.ownerDocument.createElement("span");
      told.textContent = ` → ${hostOf(target)}`;
      told.setAttribute("style", TARGET);
      link.append(told);
    }
  }
  const style = `${base(dark)}\n${safe.css.replace(/<\/?/g, "")}`;
  const document =
    `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="content-security-policy" content="${POLICY}">` +
    `<meta name="referrer" content="no-referrer"><meta name="viewport" content="width=device-width"><style>${style}</style></head>` +
    `<body><div id="mp-body">${purified.innerHTML}</div></body></html>`;
  return { document, deceives };
}

function base(dark: boolean): string {
  // Designed mail expects white paper; in the dark it gets paper that does not glare.
  return (
    `html{color-scheme:light;background:${dark ? "#e9e7e3" : "#ffffff"}}` +
    "body{margin:0;padding:14px 18px;color:#1f2327;font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;overflow-wrap:break-word}" +
    "img{max-width:100%;height:auto}img.mp-missing{min-width:12px;min-height:12px;background:#0000000f;border-radius:3px}" +
    "table{max-width:100%}a{color:#0b6a66}blockquote{margin:0 0 0 4px;padding-inline-start:12px;border-inline-start:3px solid #d5d0c6;color:#555b62}" +
    "pre{white-space:pre-wrap}a:focus-visible{outline:2px solid #0b6a66}@media print{html{background:#fff}}"
  );
}

export function hostOf(url: string): string {
  try {
    const found = new URL(url);
    return found.protocol === "mailto:" ? found.pathname : found.hostname;
  } catch {
    return url;
  }
}

const NAMED = /^(?:https?:\/\/)?((?:[\p{L}\p{N}-]{1,63}\.)+[\p{L}]{2,24})(?:[:/?#]\S*)?$/u;

/** Whether a link's text is the name of one place and its target another. */
export function leadsElsewhere(text: string, target: string): boolean {
  const said = NAMED.exec(text.trim())?.[1];
  if (said === undefined || !/^https?:/i.test(target)) return false;
  try {
    const named = new URL(`https://${said}`).hostname;
    return organisation(named) !== organisation(new URL(target).hostname);
  } catch {
    return true;
  }
}
