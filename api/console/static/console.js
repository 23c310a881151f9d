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

  // A refresh would take the focus or the selection of who is in the part that it replaces.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const part = event.detail.elt;
    if (part.id !== "live") return;
    const selection = window.getSelection();
    const reads = [part, document.getElementById("tried")].some((p) => p && (p.contains(document.activeElement) ||
      p.querySelector("details[open]") !== null || (!selection.isCollapsed && p.contains(selection.anchorNode))));
    if (document.hidden || reads) event.preventDefault();
  });
  document.addEventListener("htmx:afterSettle", () => showTimes(document));

  // River UI keeps its theme under this name, and follows it in its frame.
  const river = document.querySelector("iframe.river");
  if (river) {
    localStorage.setItem("theme", document.documentElement.dataset.theme || "system");
    river.src = river.dataset.src;
  }

  showTimes(document);
  document.querySelectorAll("form[data-times]").forEach(bindTimes);
})();
