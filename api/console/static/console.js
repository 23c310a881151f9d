// Times in the viewer's zone, questions before what cannot be undone, and care for who reads
// while a page refreshes itself.
"use strict";
(() => {
  const language = document.documentElement.lang;
  const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });

  function showTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      element.title = at.toISOString();
      element.textContent = full.format(at);
    }
  }

  // A field of a time is in the viewer's zone; the hidden one beside it has it in UTC.
  function localText(at) {
    const two = (n) => String(n).padStart(2, "0");
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  }
  function bindTimes(form) {
    for (const field of form.querySelectorAll("[data-for]")) {
      const hidden = document.getElementById(field.dataset.for);
      const at = new Date(hidden.value);
      if (hidden.value && !Number.isNaN(at.getTime())) field.value = localText(at);
      field.addEventListener("input", () => {
        const typed = new Date(field.value);
        hidden.value = Number.isNaN(typed.getTime()) ? "" : typed.toISOString();
      });
    }
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
    });
  }
  window.addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[data-times] :disabled")) field.disabled = false;
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A refresh would take the focus or the selection of who is in the part that it replaces, when it
  // is asked for and when its answer comes. What the server has opened, data-open, nobody reads yet.
  function isRead(part) {
    const selection = window.getSelection();
    return [part, document.getElementById("tried")].some((p) => p && (p.contains(document.activeElement) ||
      p.querySelector("details[open]:not([data-open])") !== null || (!selection.isCollapsed && p.contains(selection.anchorNode))));
  }
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "live" && (document.hidden || isRead(event.detail.elt))) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "live" && isRead(event.detail.target)) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:afterSettle", () => showTimes(document));

  // The server tells by events when there is something new. What it does not tell of is found by the
  // clock, which htmx follows. A hidden page has no stream: a browser opens six connections to a host.
  let stream, again;
  function listen() {
    stream?.close();
    clearTimeout(again);
    const live = document.querySelector("#live[data-mark]");
    if (!live || document.hidden) return;
    stream = new EventSource(`${document.body.dataset.live}?since=${live.dataset.mark}`);
    stream.addEventListener("changed", () => htmx.trigger("#live", "changed"));
    stream.addEventListener("error", () => { // the browser itself tries again unless it was told not to
      if (stream.readyState === EventSource.CLOSED) again = setTimeout(listen, 60_000);
    });
  }
  document.addEventListener("visibilitychange", listen);
  document.addEventListener("htmx:afterSettle", () => { if (!document.querySelector("#live[data-mark]")) listen(); });

  // River UI keeps its theme under this name, and follows it in its frame.
  const river = document.querySelector("iframe.river");
  if (river) {
    localStorage.setItem("theme", document.documentElement.dataset.theme || "system");
    river.src = river.dataset.src;
  }

  // The editor of a template: what was typed to try it is kept until its user signs out, a fault
  // leads to its place, and a text that is not saved is not left by accident.
  const kept = "sealos-notify/";
  function keep(part, field, key) {
    const before = localStorage.getItem(kept + key);
    if (before !== null) field().value = before;
    for (const event of ["input", "htmx:afterSettle"])
      part.addEventListener(event, () => localStorage.setItem(kept + key, field().value));
  }
  for (const field of document.querySelectorAll("[data-remember]")) {
    keep(field, () => field, field.dataset.remember);
    if (field.selectedIndex === -1) field.selectedIndex = 0;
  }
  for (const part of document.querySelectorAll("[data-params]")) {
    const field = () => part.querySelector("textarea");
    keep(part, field, part.dataset.params);
    document.getElementById("edit").addEventListener("submit", (event) => { // a new template has its name now
      const key = kept + part.dataset.params, typed = localStorage.getItem(key);
      localStorage.removeItem(key);
      if (typed !== null) localStorage.setItem(key.replace(/[^/]*$/, event.target.elements.name.value), typed);
    });
  }
  document.addEventListener("submit", (event) => {
    if (!event.target.getAttribute("action")?.endsWith("/sign-out")) return; // a field can be called action
    for (const key of Object.keys(localStorage)) if (key.startsWith(kept)) localStorage.removeItem(key);
  });

  document.addEventListener("click", (event) => {
    const place = event.target.closest("[data-line]");
    const field = place && document.getElementById(place.dataset.field);
    if (!field) return;
    const lines = field.value.split("\n");
    const line = Math.min(Number(place.dataset.line), lines.length) - 1;
    const column = [...lines[line]].slice(0, Math.max(0, Number(place.dataset.column) - 1)).join("").length;
    const at = lines.slice(0, line).join("\n").length + (line > 0 ? 1 : 0) + column;
    field.focus();
    field.setSelectionRange(at, at);
  });

  const guarded = document.querySelector("form[data-guard]");
  if (guarded) {
    let changed = "changed" in guarded.dataset;
    guarded.addEventListener("input", () => { changed = true; });
    document.addEventListener("submit", (event) => { if (!event.defaultPrevented) changed = false; });
    window.addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
  }

  // A mail that was just rendered goes into the new frame beside it.
  document.addEventListener("htmx:afterSettle", () => {
    for (const form of document.querySelectorAll("form[data-frame]")) {
      delete form.dataset.frame;
      form.submit();
    }
  });

  showTimes(document);
  listen();
  document.querySelector("nav.pages [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  document.querySelectorAll("form[data-times]").forEach(bindTimes);
})();
