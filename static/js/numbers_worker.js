/* Keeps one page for when the network is away: the numbers to call in danger, and its style sheets. It holds no name, no
   matter and no page of a person; everything else goes to the network as if this worker were not there. Floor: Chromium 86. */
"use strict";

const PAGE = "/roster/numbers/";
const KEPT = "numbers";
const FRESH = 30 * 60 * 1000; // milliseconds for which the page is not asked again

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/* A page of somebody who is logged in says "keep", the login page "forget". */
self.addEventListener("message", (event) => {
  if (event.data === "keep") event.waitUntil(keep().catch(() => undefined));
  if (event.data === "forget") event.waitUntil(caches.delete(KEPT));
});

self.addEventListener("fetch", (event) => {
  const request = event.request;
  const path = new URL(request.url).pathname;
  if (request.mode === "navigate" && request.method === "POST" && path.endsWith("/logout/")) {
    event.waitUntil(caches.delete(KEPT));
  } else if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => instead(PAGE)));
  } else if (path.endsWith(".css") && request.referrer.endsWith(PAGE)) {
    event.respondWith(fetch(request).catch(() => instead(request.url)));
  }
});

async function keep() {
  const cache = await caches.open(KEPT);
  const before = await cache.match(PAGE);
  if (before && Date.now() - Date.parse(before.headers.get("X-Kept-At")) < FRESH) return;
  const answer = await fetch(PAGE, { credentials: "same-origin", cache: "no-store" });
  if (!answer.ok || answer.redirected) {
    await caches.delete(KEPT); // nobody is logged in any more
    return;
  }
  const text = await answer.text();
  const sheets = [...text.matchAll(/<link rel="stylesheet" href="([^"]+)"/g)].map((found) => found[1]);
  await cache.addAll(sheets);
  const headers = { "Content-Type": "text/html; charset=utf-8", "X-Kept-At": new Date().toUTCString() };
  const policy = answer.headers.get("Content-Security-Policy");
  if (policy) headers["Content-Security-Policy"] = policy;
  await cache.put(PAGE, new Response(text, { headers }));
}

async function instead(url) {
  const cache = await caches.open(KEPT);
  return (await cache.match(url)) || Response.error();
}
