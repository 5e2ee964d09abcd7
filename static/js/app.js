// What the pages gain from JavaScript. Every page works without it.
"use strict";
(() => {
  const root = document.documentElement;
  const live = document.getElementById("live");
  const UNSAFE = new Set(["post", "put", "patch", "delete"]);
  const YEAR = 365 * 24 * 3600;

  const cookie = (name) => document.cookie.split("; ").find((pair) => pair.startsWith(`${name}=`))?.split("=")[1];
  const keep = (name, value) => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=lax${secure}`;
  };

  /** Reads a sentence out; emptied first, so that the same one is read again. */
  const announce = (text) => {
    if (!live || !text) return;
    live.textContent = "";
    setTimeout(() => { live.textContent = text; }, 50);
  };

  // --- Clicks: one listener for the whole page, so swapped parts need no set-up ---------------------

  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const word = button.querySelector(".btn-copy-word");
    const before = word.textContent;
    word.textContent = button.dataset.copied;
    announce(button.dataset.copied);
    setTimeout(() => { word.textContent = before; }, 2000);
  };

  const dismiss = (button) => {
    const notice = button.closest(".alert");
    const region = notice.parentElement.closest("[id]") ?? document.getElementById("main");
    notice.remove();
    if (!region.hasAttribute("tabindex")) region.tabIndex = -1;
    region.focus({ preventScroll: true });
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy], [data-dismiss], [data-opens]");
    if (button?.dataset.copy !== undefined) copy(button);
    else if (button?.dataset.dismiss !== undefined) dismiss(button);
    else if (button) document.getElementById(button.dataset.opens).showModal();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target) || button?.dataset.opens) menu.open = false;
    }
  });

  // A number is shown as people read it and copied as E.164.
  document.addEventListener("copy", (event) => {
    const chosen = getSelection();
    const node = chosen.anchorNode?.parentElement?.closest("[data-copies]");
    if (!node || chosen.toString().trim() !== node.textContent.trim()) return;
    event.clipboardData.setData("text/plain", node.dataset.copies);
    event.preventDefault();
  });

  // --- Light, dark, as the system ---------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-theme-switch]") || !event.submitter) return;
    event.preventDefault();
    const choice = event.submitter.value;
    keep("theme", choice);
    root.dataset.themeChoice = choice;
    document.dispatchEvent(new Event("theme-chosen"));
    for (const button of document.querySelectorAll("[data-theme-switch] button")) {
      button.setAttribute("aria-pressed", String(button.value === choice));
    }
  });

  // --- Keyboard -----------------------------------------------------------------------------------------

  const shortcuts = document.getElementById("shortcuts");
  const shortcutsOn = () => cookie("shortcuts") !== "off";
  const typing = (element) => element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName);

  const step = (by) => {
    const rows = [...document.querySelectorAll("#main a.row-link")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement.closest("tr, li")?.querySelector("a.row-link"));
    const next = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(at + by, 0), rows.length - 1);
    rows[next].focus();
  };

  const KEYS = {
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => shortcuts?.showModal(),
    j: () => step(1),
    k: () => step(-1),
  };

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = document.querySelector("details.menu[open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (!shortcutsOn() || document.querySelector("dialog[open]")) return;
    const act = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  const shortcutsBox = document.querySelector("[data-shortcuts-on]");
  if (shortcutsBox) {
    shortcutsBox.checked = shortcutsOn();
    root.classList.toggle("shortcuts-off", !shortcutsOn());
    shortcutsBox.addEventListener("change", () => {
      keep("shortcuts", shortcutsBox.checked ? "on" : "off");
      root.classList.toggle("shortcuts-off", !shortcutsBox.checked);
    });
  }

  // --- The message composer: tokens are inserted where the cursor is ---------------------------------

  const composer = () => document.querySelector("[data-composer]");
  const picker = () => document.querySelector("[data-tokens]");

  const insertToken = (token) => {
    const text = composer();
    const end = text.selectionEnd;
    let start = text.selectionStart;
    if (start === end && text.value.slice(0, start).endsWith("{{")) start -= 2; // the braces that opened the list
    text.setRangeText(token, start, end, "end");
    picker().open = false;
    text.focus();
    text.dispatchEvent(new Event("input", { bubbles: true }));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (!button) return;
    event.preventDefault();
    insertToken(button.dataset.insert);
  });

  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-composer]") || !target.value.slice(0, target.selectionStart).endsWith("{{")) return;
    const list = picker();
    if (!list || list.open) return;
    list.open = true;
    list.querySelector("[data-token-search]").focus();
    list.querySelector("[data-token-search]").select();
  });

  // Who writes a token by hand goes on writing: the braces that close it put it into the text.
  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-token-search]") || !target.value.endsWith("}}")) return;
    insertToken(`{{${target.value}`);
    target.value = "";
  });

  // What is pasted is what is tried.
  document.addEventListener("input", ({ target }) => {
    if (target.dataset.chooses) document.querySelector(`[name="record"][value="${target.dataset.chooses}"]`).checked = true;
  });

  // Leaving with unsaved changes asks first; sending the form is not leaving.
  let unsaved = false;
  document.addEventListener("input", ({ target }) => {
    if (target.closest("#steps") && target.type !== "search") unsaved = true;
  });
  document.addEventListener("submit", ({ target }) => { if (target.id === "action-form") unsaved = false; });
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  const alongTokens = (event) => {
    const stops = [...picker().querySelectorAll("[data-token-search], [data-insert]")];
    const to = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
    if (!to) return;
    event.preventDefault();
    to.focus();
  };

  /** Enter presses a form's first button, which saves: meant in a field of the action, not in what stands beside them. */
  const enter = (event) => {
    const { target } = event;
    if (target.matches("[data-token-search]")) picker().querySelector("[data-insert]")?.focus();
    else if (target.matches('[name="instead"]')) target.dispatchEvent(new Event("change", { bubbles: true }));
    else if (target.matches("#switch input")) target.form.requestSubmit(document.querySelector("#switch button"));
    else if (!target.matches("#side input")) return;
    event.preventDefault();
  };

  document.addEventListener("keydown", (event) => {
    const within = event.target.closest("[data-tokens]");
    if (event.key === "Enter") {
      enter(event);
    } else if (within && event.key === "Escape") {
      within.open = false;
      composer().focus();
    } else if (within && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      alongTokens(event);
    }
  });

  // --- The live log ------------------------------------------------------------------------------------

  const isLive = (element) => element?.matches("[data-live]");
  let reading = null; // the topmost row in sight, where rows above it are out of sight

  // Nothing is asked while nobody can see the answer.
  document.addEventListener("htmx:confirm", (event) => {
    if (document.hidden && isLive(event.detail.elt)) event.preventDefault();
  });

  // New rows above do not push away what is being read: a table in its own scroller has no scroll anchor.
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const rows = isLive(detail.requestConfig.elt) ? [...document.querySelectorAll("#log-rows tr")] : [];
    const at = rows.findIndex((row) => row.getBoundingClientRect().top >= 0);
    reading = at > 0 ? { id: rows[at].id, top: rows[at].getBoundingClientRect().top } : null;
  });
  document.addEventListener("htmx:afterSwap", () => {
    const row = reading && document.getElementById(reading.id);
    if (row) scrollBy({ top: row.getBoundingClientRect().top - reading.top, behavior: "instant" });
    reading = null;
  });

  // --- htmx: tokens, waiting, results, failures ------------------------------------------------------

  // A message's page that asks for news leaves open what its reader has opened, and closed what they have closed.
  if (window.Idiomorph) {
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => name !== "open" || !node.closest("#message, #quotas");
  }

  /** What is being typed in is not overwritten by an answer to what was typed before. The message as it was sent is,
      with the cursor left at its words: a fallback is written into it while it already has the focus. So is a list as it
      was sent: its entries are those of the number chosen now. */
  let cursor = null;
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    const field = document.activeElement;
    const asSent = field.matches("[data-composer], select") && detail.requestConfig.formData.get(field.name) === field.value;
    if (window.Idiomorph) window.Idiomorph.defaults.ignoreActiveValue = !asSent;
    cursor = asSent && field.matches("[data-composer]") ? { text: field, before: field.value, at: field.selectionEnd } : null;
  });

  const keepCursor = ({ text, before, at }) => {
    if (text.value === before) return;
    const moved = text.value.startsWith(before.slice(0, at)) ? 0 : text.value.length - before.length;
    text.setSelectionRange(at + moved, at + moved);
  };

  /** The token of this moment: signing in, in whichever tab, replaces the one this page came with. */
  const csrfToken = () => {
    const { content, dataset } = document.querySelector('meta[name="csrf-token"]');
    return cookie(dataset.cookie) ?? content;
  };
  document.addEventListener("submit", ({ target }) => {
    const field = target.elements.csrfmiddlewaretoken;
    if (field) field.value = csrfToken();
  });

  document.addEventListener("htmx:configRequest", ({ detail }) => {
    if (!UNSAFE.has(detail.verb)) return;
    delete detail.parameters.csrfmiddlewaretoken; // it may be stale, and would count before the header
    detail.headers["X-CSRFToken"] = csrfToken();
  });

  // What a button or list writes into the text counts: the preview asks before and after that, never meanwhile, for an
  // answer to the text as it was would take the change back.
  const composes = ({ target }) => target.id === "compose";
  let composing = 0;
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id === "preview" && composing) event.preventDefault();
  });
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (!composes(detail)) return;
    composing += 1;
    htmx.trigger("#preview", "htmx:abort");
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (composes(detail) && composing) composing -= 1;
  });

  document.addEventListener("htmx:beforeRequest", ({ detail }) => {
    detail.target.setAttribute("aria-busy", "true");
    detail.target.querySelector(":scope > .region-error")?.remove();
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target.removeAttribute("aria-busy"));

  /** A session that ended answers a swap with the sign-in page, or 401: go there, unless that would lose what was typed. */
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const { elt, target, xhr } = event.detail;
    const signIn = document.body.dataset.loginUrl;
    const arrived = xhr.responseURL ? new URL(xhr.responseURL).pathname : "";
    if (xhr.status !== 401 && (arrived !== signIn || location.pathname === signIn)) return;
    event.preventDefault();
    if (elt.closest('form[method="post"]')) fail(target, "signed-out");
    else location.assign(`${signIn}?next=${encodeURIComponent(location.pathname + location.search)}`);
  });

  const focusErrors = (within) => within.querySelector("[data-error-summary]")?.focus();

  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    focusErrors(detail.elt);
    if (cursor) keepCursor(cursor);
    cursor = null;
    // A button that is gone with what it did leaves the focus where it did it.
    if (detail.elt.matches?.("#compose") && document.activeElement === document.body) composer().focus();
    const said = detail.elt.matches?.("[data-announce]") ? detail.elt : detail.elt.querySelector?.("[data-announce]");
    announce(said?.textContent.trim().replace(/\s+/g, " "));
  });
  focusErrors(document);

  /** Shows what failed inside the region that asked, above what it showed before. */
  const fail = (target, kind, requestId) => {
    const template = document.getElementById("region-error");
    if (!template || !target.isConnected) return;
    const banner = template.content.firstElementChild.cloneNode(true);
    for (const text of banner.querySelectorAll("p")) text.hidden = !text.classList.contains(`region-error-${kind}`);
    for (const id of banner.querySelectorAll("[data-request-id]")) {
      id.hidden = !requestId;
      id.querySelector("code").textContent = requestId ?? "";
    }
    // A table holds nothing but rows: what concerns one of them stands above it.
    const table = target.closest("table")?.closest(".table-scroll");
    (table?.parentElement ?? target).querySelector(":scope > .region-error")?.remove();
    if (table) table.before(banner);
    else target.prepend(banner);
    banner.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("htmx:responseError", ({ detail }) => {
    const { xhr } = detail;
    if (xhr.status !== 401) fail(detail.target, xhr.status >= 500 ? "server" : "refused", xhr.getResponseHeader("X-Request-ID"));
  });
  for (const lost of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(lost, ({ detail }) => fail(detail.target, "network"));
  }
})();
