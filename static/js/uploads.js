/* Files of a form (templates/components/drop.html): chosen, dropped or pasted, each sent at once with its own progress. The form
   then carries only their ids. Without this script the input sends the files itself. Floor: Chromium 86. */
"use strict";

(function () {
  const AT_ONCE = 2;
  const PICTURE_HEIGHT = 96;

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]].map(([from, to]) => hex.slice(from, to)).join("-");
  }

  async function showPicture(place, file) {
    if (!file.type.startsWith("image/")) return;
    try {
      const picture = await createImageBitmap(file);
      const canvas = document.createElement("canvas");
      canvas.height = PICTURE_HEIGHT;
      canvas.width = Math.min(2 * PICTURE_HEIGHT, Math.round(PICTURE_HEIGHT * picture.width / picture.height));
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      place.replaceChildren(canvas);
    } catch (error) {
      /* heic and broken pictures keep the icon */
    }
  }

  class Drop {
    constructor(box) {
      this.box = box;
      this.form = box.closest("form");
      this.input = box.querySelector("input[type=file]");
      this.list = box.querySelector("[data-drop-files]");
      this.template = box.querySelector("[data-drop-item]");
      this.items = [];
      this.submitter = null;
      box.querySelector("[data-drop-hint]").hidden = false;
      this.input.addEventListener("change", () => {
        this.add([...this.input.files]);
        this.input.value = "";
      });
      for (const name of ["dragenter", "dragover"]) {
        this.form.addEventListener(name, (event) => {
          if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
          event.preventDefault();
          box.classList.add("is-over");
        });
      }
      this.form.addEventListener("dragleave", (event) => {
        if (!this.form.contains(event.relatedTarget)) box.classList.remove("is-over");
      });
      this.form.addEventListener("drop", (event) => {
        box.classList.remove("is-over");
        if (!event.dataTransfer || !event.dataTransfer.files.length) return;
        event.preventDefault();
        this.add([...event.dataTransfer.files]);
      });
      this.list.querySelectorAll("[data-kept]").forEach((row) => {
        const button = row.querySelector("[data-drop-remove]");
        button.hidden = false;
        button.addEventListener("click", () => {
          this.forget(row.dataset.dropUrl);
          row.remove();
        });
      });
    }

    say(text) {
      this.box.querySelector("[data-drop-message]").textContent = text;
    }

    add(files) {
      this.say("");
      for (const file of files) {
        if (this.list.children.length >= Number(this.box.dataset.most)) {
          this.say(this.box.dataset.tooMany);
          return;
        }
        this.show(file);
      }
      this.pump();
    }

    show(file) {
      const row = this.template.content.firstElementChild.cloneNode(true);
      const item = { file, row, id: newId(), state: "", request: null, dropUrl: "", refused: false };
      row.querySelector("[data-drop-name]").textContent = file.name;
      row.querySelector("[data-drop-remove]").addEventListener("click", () => this.remove(item));
      row.querySelector("[data-drop-retry]").addEventListener("click", () => {
        this.mark(item, "waiting");
        this.pump();
      });
      this.list.append(row);
      this.items.push(item);
      showPicture(row.querySelector(".drop-thumb"), file);
      item.refused = file.size > Number(this.box.dataset.mostBytes);
      this.mark(item, item.refused ? "failed" : "waiting", item.refused ? this.box.dataset.tooLarge : "");
    }

    mark(item, state, text) {
      item.state = state;
      const row = item.row;
      row.classList.toggle("is-failed", state === "failed");
      row.querySelector("progress").hidden = state !== "sending" && state !== "waiting";
      row.querySelector("[data-drop-retry]").hidden = state !== "failed" || item.refused;
      row.querySelector("[data-drop-state]").textContent = text || this.box.dataset[state] || "";
    }

    pump() {
      const sending = this.items.filter((item) => item.state === "sending").length;
      this.items.filter((item) => item.state === "waiting").slice(0, Math.max(0, AT_ONCE - sending)).forEach((item) => this.send(item));
      this.goOn();
    }

    send(item) {
      const body = new FormData();
      const call = this.form.querySelector("input[name=client_uuid]");
      body.append("csrfmiddlewaretoken", this.form.querySelector("input[name=csrfmiddlewaretoken]").value);
      body.append("client_uuid", item.id);
      if ("forReport" in this.form.dataset && call) body.append("incident_client_uuid", call.value);
      body.append("file", item.file, item.file.name);
      const request = new XMLHttpRequest();
      const bar = item.row.querySelector("progress");
      request.upload.addEventListener("progress", (event) => {
        if (event.lengthComputable) bar.value = event.loaded / event.total;
      });
      request.addEventListener("load", () => this.answered(item, request));
      request.addEventListener("error", () => this.failed(item, this.box.dataset.lost));
      request.open("POST", this.box.dataset.url);
      request.send(body);
      item.request = request;
      this.mark(item, "sending");
    }

    answered(item, request) {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch (error) {
        /* a login page or a proxy's own words */
      }
      if (request.status !== 201 || !answer.client_uuid) {
        if (request.status === 400 || request.status === 413) item.refused = true; // the same bytes will not do better
        this.failed(item, answer.detail || this.box.dataset.lost);
        return;
      }
      item.dropUrl = answer.drop_url;
      const carried = document.createElement("input");
      carried.type = "hidden";
      carried.name = this.box.dataset.sentName;
      carried.value = answer.client_uuid;
      item.row.append(carried);
      this.mark(item, "arrived");
      this.pump();
    }

    failed(item, text) {
      this.mark(item, "failed", text);
      this.pump();
    }

    remove(item) {
      if (item.request && item.state === "sending") item.request.abort();
      if (item.dropUrl) this.forget(item.dropUrl);
      this.items = this.items.filter((other) => other !== item);
      item.row.remove();
      this.say("");
      this.pump();
    }

    forget(url) {
      const body = new FormData();
      body.append("csrfmiddlewaretoken", this.form.querySelector("input[name=csrfmiddlewaretoken]").value);
      fetch(url, { method: "POST", body, credentials: "same-origin", keepalive: true });
    }

    /* The form waits for its files; what failed is first sent again or removed. */
    holds(event) {
      const failed = this.items.some((item) => item.state === "failed");
      const busy = this.items.some((item) => item.state === "waiting" || item.state === "sending");
      if (!failed && !busy) return false;
      this.say(failed ? this.box.dataset.failed : this.box.dataset.unfinished);
      this.submitter = failed ? null : { button: event.submitter };
      return true;
    }

    goOn() {
      if (!this.submitter || this.items.some((item) => item.state === "waiting" || item.state === "sending")) return;
      const { button } = this.submitter;
      this.submitter = null;
      this.say("");
      if (this.items.some((item) => item.state === "failed")) {
        this.say(this.box.dataset.failed);
        return;
      }
      if (this.form.dataset.confirm) this.form.dataset.confirmed = "1";
      this.form.requestSubmit(button || undefined);
    }
  }

  const drops = [...document.querySelectorAll("[data-drop]")].filter((box) => box.closest("form")).map((box) => new Drop(box));

  document.addEventListener("submit", (event) => {
    const holding = drops.filter((drop) => drop.form === event.target && drop.holds(event));
    if (!holding.length) return;
    event.preventDefault();
    event.target.removeAttribute("aria-busy");
  }, true);

  /* A picture in the clipboard goes to the form one is in, else to the first one on the page. Text stays text. */
  document.addEventListener("paste", (event) => {
    const data = event.clipboardData;
    if (!data || !data.files.length || !drops.length) return;
    const typing = event.target.closest && event.target.closest("textarea, input");
    if (typing && [...data.types].includes("text/plain")) return;
    const form = event.target.closest && event.target.closest("form");
    const visible = drops.filter((drop) => drop.box.offsetParent !== null);
    const drop = visible.find((one) => one.form === form) || visible[0];
    if (!drop) return;
    event.preventDefault();
    drop.add([...data.files]);
    drop.box.scrollIntoView({ block: "nearest" });
  });
})();
