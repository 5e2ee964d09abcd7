// The editor of call flows: line numbers beside the text, and problems that lead to their lines.
"use strict";
(() => {
  const form = document.getElementById("flow-form");
  const source = document.querySelector("[data-source]");
  const gutter = document.querySelector("[data-gutter]");
  if (!form || !source || !gutter) return;

  const lines = () => source.value.split("\n");

  /** The numbers, those with a problem marked. The text is never wrapped, so each of its lines is one row. */
  const draw = () => {
    const marked = new Map();
    for (const link of document.querySelectorAll("#checked .problems [data-line]")) {
      if (marked.get(link.dataset.line) !== "error") marked.set(link.dataset.line, link.dataset.tone);
    }
    const rows = lines().map((_text, index) => {
      const row = document.createElement("span");
      row.textContent = index + 1;
      row.className = marked.get(String(index + 1)) ?? "";
      return row;
    });
    gutter.replaceChildren(...rows);
    follow();
  };

  const follow = () => { gutter.scrollTop = source.scrollTop; };

  /** Puts the cursor where a problem is, with its line in sight. */
  const jump = (line, column) => {
    const before = lines().slice(0, line - 1);
    const start = before.reduce((sum, text) => sum + text.length + 1, 0);
    const length = lines()[line - 1]?.length ?? 0;
    source.focus();
    source.setSelectionRange(start + Math.min(column - 1, length), start + length);
    const height = parseFloat(getComputedStyle(source).lineHeight);
    source.scrollTop = Math.max(0, (line - 1) * height - source.clientHeight / 3);
    source.scrollLeft = 0;
    source.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    jump(Number(link.dataset.line), Number(link.dataset.column));
  });

  // A new line begins below the one before it; undoing knows of it, as of everything typed.
  source.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const line = source.value.slice(0, source.selectionStart).split("\n").at(-1);
    const indent = line.match(/^ *(- )?/)[0].replace("-", " ");
    if (!indent || !document.execCommand("insertText", false, `\n${indent}`)) return;
    event.preventDefault();
  });

  // Leaving with unsaved changes asks first; sending the form is not leaving.
  let unsaved = false;
  form.addEventListener("input", () => { unsaved = true; });
  form.addEventListener("submit", () => { unsaved = false; });
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  source.addEventListener("input", draw);
  source.addEventListener("scroll", follow);
  document.addEventListener("htmx:afterSettle", draw);
  draw();
})();
