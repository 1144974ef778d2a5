/* Comfort on top of pages that work without it. Plain, no build; floor: Chromium 86. */
"use strict";

(function () {
  const byId = (id) => document.getElementById(id);

  /* "/" goes to the search box, Escape closes an open menu. */
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.altKey && !event.metaKey) {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.select();
        search.focus();
      }
    }
    if (event.key === "Escape") closeMenus(null);
  });

  /* <form data-send-by-keys>: Enter sends from every line, in a text Ctrl and Enter. */
  document.addEventListener("keydown", (event) => {
    const form = event.target.form;
    if (event.key !== "Enter" || !event.ctrlKey || !form || !("sendByKeys" in form.dataset)) return;
    event.preventDefault();
    form.requestSubmit();
  });

  /* What stands in the field to be put right is picked, so that typing replaces it. */
  const toCorrect = document.querySelector("[data-send-by-keys] [autofocus]");
  if (toCorrect && toCorrect.value) toCorrect.select();

  function closeMenus(except) {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  }
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));

  /* A dangerous action says what will happen and waits for the answer. */
  function confirmThen(text, verb, danger, proceed) {
    const dialog = byId("confirm");
    if (!dialog || !dialog.showModal) {
      if (window.confirm(text)) proceed();
      return;
    }
    const ok = dialog.querySelector("[data-confirm-ok]");
    byId("confirm-text").textContent = text;
    ok.textContent = verb || ok.dataset.defaultLabel;
    ok.className = danger ? "btn btn-danger" : "btn btn-primary";
    dialog.returnValue = "";
    dialog.addEventListener("close", () => dialog.returnValue === "ok" && proceed(), { once: true });
    dialog.showModal();
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog") return;
    const asking = [event.submitter, form].find((element) => element && element.dataset.confirm);
    if (asking && !form.dataset.confirmed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      const submitter = event.submitter;
      confirmThen(asking.dataset.confirm, asking.dataset.confirmButton, "confirmDanger" in asking.dataset, () => {
        form.dataset.confirmed = "1";
        form.requestSubmit(submitter || undefined);
      });
      return;
    }
    delete form.dataset.confirmed;
    if (form.method !== "post" || form.closest("[hx-post], [data-hx-post]")) return;
    if (form.getAttribute("aria-busy") === "true") event.preventDefault();
    form.setAttribute("aria-busy", "true");
    setTimeout(() => form.removeAttribute("aria-busy"), 8000); // a download answers without leaving the page
  }, true);

  /* Coming back with the back button: forms may be sent again. */
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[aria-busy]").forEach((form) => form.removeAttribute("aria-busy"));
  });

  document.addEventListener("htmx:confirm", (event) => {
    if (!event.detail.question) return;
    event.preventDefault();
    const data = event.detail.elt.dataset;
    confirmThen(event.detail.question, data.confirmButton, "confirmDanger" in data, () => event.detail.issueRequest(true));
  });

  /* A request that failed leaves the page as it is and says so quietly. */
  const showFailed = (failed) => { byId("failed-line").hidden = !failed; };
  document.addEventListener("htmx:sendError", () => showFailed(navigator.onLine));
  document.addEventListener("htmx:responseError", () => showFailed(true));
  document.addEventListener("htmx:beforeRequest", () => showFailed(false));

  const showOffline = () => { byId("offline-line").hidden = navigator.onLine; };
  window.addEventListener("online", showOffline);
  window.addEventListener("offline", showOffline);
  showOffline();

  /* The numbers to call in danger are kept for when the network is away (numbers_worker.js), and forgotten with the login.
     Browsers have this on https and on the machine itself only. */
  const frame = document.querySelector("[data-keep-numbers]");
  if ("serviceWorker" in navigator && frame) {
    navigator.serviceWorker.register(frame.dataset.keepNumbers, { scope: "/" })
      .then(() => navigator.serviceWorker.ready)
      .then((registration) => registration.active.postMessage("keep"))
      .catch(() => undefined);
  }
  if ("caches" in window && document.querySelector("[data-forget-numbers]")) caches.delete("numbers");

  /* Ticked rows bring the bar (templates/components/bulk_bar.html). */
  function updateBulk(form) {
    const boxes = [...form.querySelectorAll("input[name=ids]")];
    const picked = boxes.filter((box) => box.checked);
    const bar = form.querySelector("[data-bulk-bar]");
    const all = form.querySelector("[data-pick-all]");
    if (!bar) return;
    boxes.forEach((box) => box.closest("tr").classList.toggle("is-picked", box.checked));
    form.querySelector("[data-bulk-count]").textContent = picked.length;
    bar.hidden = picked.length === 0;
    all.checked = picked.length === boxes.length;
    all.indeterminate = picked.length > 0 && picked.length < boxes.length;
  }
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-bulk]").forEach(updateBulk));

  /* Shift and click ticks everything in between. */
  let lastPicked = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!box.matches || !box.matches("form[data-bulk] input[name=ids]")) return;
    const boxes = [...box.form.querySelectorAll("input[name=ids]")];
    const from = boxes.indexOf(lastPicked);
    if (event.shiftKey && from >= 0) {
      const to = boxes.indexOf(box);
      boxes.slice(Math.min(from, to), Math.max(from, to) + 1).forEach((one) => { one.checked = box.checked; });
      updateBulk(box.form);
    }
    lastPicked = box;
  });

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.matches("[data-submit-on-change]")) input.form.requestSubmit();
    const bulk = input.closest("form[data-bulk]");
    if (!bulk) return;
    if (input.matches("[data-pick-all]")) {
      bulk.querySelectorAll("input[name=ids]").forEach((box) => { box.checked = input.checked; });
    }
    updateBulk(bulk);
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  /* <form data-copy="id of the text">: copies it, then tells the server so. Plain http knows no clipboard: there the old way, or by hand. */
  async function copyText(area) {
    try {
      if (navigator.clipboard && window.isSecureContext) {
        await navigator.clipboard.writeText(area.value);
        return true;
      }
    } catch (error) {
      /* refused: the old way */
    }
    area.focus();
    area.select();
    return document.execCommand("copy");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-text]");
    if (!button) return;
    const copied = await copyText(byId(button.dataset.copyText));
    button.textContent = copied ? button.dataset.copied : button.dataset.selected;
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.dataset.copy) return;
    event.preventDefault();
    form.removeAttribute("aria-busy");
    const copied = await copyText(byId(form.dataset.copy));
    form.querySelector("[data-copy-message]").textContent = copied ? form.dataset.copied : form.dataset.selected;
    const answer = await fetch(form.action, {
      method: "POST", body: new FormData(form), credentials: "same-origin", headers: { "X-Requested-With": "fetch" },
    }).catch(() => null);
    showFailed(!answer || !answer.ok);
  });
})();
