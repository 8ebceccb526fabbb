// The address of the page, as something that can be watched.
export const route: { path: string; query: string } = $state({
  path: location.pathname,
  query: location.search,
});

function read(): void {
  route.path = location.pathname;
  route.query = location.search;
}

addEventListener("popstate", read);

/** Show another address; `replace` leaves no trace in the history. */
export function go(address: string, { replace = false } = {}): void {
  if (address === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  read();
}

/** Let links to our own pages be ours: put on the root element. */
export function links(node: HTMLElement): { destroy(): void } {
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.("a[href^='/']");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    event.preventDefault();
    go(link.pathname + link.search);
  };
  node.addEventListener("click", follow);
  return { destroy: () => node.removeEventListener("click", follow) };
}
