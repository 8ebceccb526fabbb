// The service worker of the webmail: its own files, so that it opens without a connection. What is
// in the mail never passes here: requests with an Authorization field are none of its business.
const FILES = /* made by the build */ [];
const VERSION = "" + FILES.join("|").split("").reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) | 0, 7);
const CACHE = `merpati${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(["/mail/", "/icon.svg", ...FILES])));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((one) => one !== CACHE).map((one) => caches.delete(one))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/assets/")) {
    event.respondWith(caches.match(request).then((found) => found ?? fetch(request)));
  } else if (request.mode === "navigate" && (url.pathname === "/" || url.pathname.startsWith("/mail/"))) {
    event.respondWith(fetch(request).catch(() => caches.match("/mail/").then((found) => found ?? Response.error())));
  }
});
