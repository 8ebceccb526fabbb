// The service worker keeps the shell, so that the page opens without a connection.
import { scriptUrl } from "../lib/trusted";
import { toast } from "../lib/ui/toasts.svelte";
import { t } from "./texts";

export function register(): void {
  if (!("serviceWorker" in navigator) || !import.meta.env.PROD) return;
  addEventListener("load", () => {
    void navigator.serviceWorker.register(scriptUrl("/worker.js")).then((made) => {
      made.addEventListener("updatefound", () => {
        const next = made.installing;
        if (next === null || navigator.serviceWorker.controller === null) return;
        next.addEventListener("statechange", () => {
          if (next.state === "installed")
            toast(t.installed, { seconds: 0, action: { label: t.reload, act: () => location.reload() } });
        });
      });
    }, () => undefined);
  });
}
