// The one policy that our own code makes trusted values with. What it lets through is checked
// here: scripts are our own files only, and HTML goes into sandboxed frames only.
const policy = globalThis.trustedTypes?.createPolicy("merpati", {
  createHTML: (html) => html,
  createScriptURL: (url) => {
    if (new URL(url, location.href).origin !== location.origin) throw new TypeError(url);
    return url;
  },
});

/** For `srcdoc` of a frame whose sandbox allows no scripts; nothing else. */
export function frameHtml(html: string): string {
  return (policy?.createHTML(html) ?? html) as string;
}

/** The address of a worker of our own. */
export function scriptUrl(url: string): string {
  return (policy?.createScriptURL(url) ?? url) as string;
}

declare global {
  var trustedTypes:
    | {
        createPolicy(
          name: string,
          rules: {
            createHTML(html: string): string;
            createScriptURL(url: string): string;
          },
        ): { createHTML(html: string): unknown; createScriptURL(url: string): unknown };
      }
    | undefined;
}
