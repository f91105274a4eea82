// The console's own behaviour: menu, theme, copy, dialogs, command palette, forms, polling.
(() => {
  const root = document.documentElement;
  const find = (id) => document.getElementById(id);
  const dialog = find("dialog");
  const palette = find("palette");
  let opener = null;

  const openDialog = (element) => {
    if (!element.open) {
      opener = document.activeElement;
      element.showModal();
    }
    const heading = element.querySelector("h2");
    if (heading) element.setAttribute("aria-label", heading.textContent.trim());
  };

  const switchTheme = () => {
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", theme);
    root.dataset.bsTheme = theme;
  };

  const isMenuOpen = () => document.body.classList.contains("menu-open");
  const switchMenu = (open) => {
    const button = document.querySelector("[data-menu]");
    const goesBack = isMenuOpen() && !open && find("sidebar").contains(document.activeElement);
    document.body.classList.toggle("menu-open", open);
    button?.setAttribute("aria-expanded", String(open));
    if (open) find("sidebar").querySelector("a").focus();
    if (goesBack) button.focus();
  };
  // What lies behind the open menu is not to be seen.
  document.addEventListener("focusin", ({ target }) => {
    if (isMenuOpen() && !target.closest(".sidebar, dialog, [data-menu]")) switchMenu(false);
  });

  const copy = async (button) => {
    const field = find(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Browsers give the clipboard to secure origins only; the old way works on plain HTTP.
      field.select();
      document.execCommand("copy");
    }
    button.querySelector("span").textContent = button.dataset.copied;
    find("spoken").textContent = button.dataset.copied;
  };

  const openPalette = () => {
    openDialog(palette);
    palette.querySelector("input").select();
  };

  const actions = {
    "[data-theme-switch]": switchTheme,
    "[data-menu]": () => switchMenu(!isMenuOpen()),
    "[data-palette]": openPalette,
    "[data-copy]": copy,
    "dialog [data-close]": (element, event) => {
      event.preventDefault();
      element.closest("dialog").close();
    },
  };

  // A link that is opened in another tab or window is the browser's, and not htmx's.
  document.addEventListener(
    "click",
    (event) => {
      const isElsewhere = event.ctrlKey || event.metaKey || event.shiftKey;
      if (isElsewhere && event.target.closest("a[href]")) event.stopPropagation();
    },
    true,
  );
  document.addEventListener("click", (event) => {
    for (const [selector, act] of Object.entries(actions)) {
      const element = event.target.closest(selector);
      if (element) return act(element, event);
    }
    if (event.target instanceof HTMLDialogElement) event.target.close();
    else if (!event.target.closest(".sidebar")) switchMenu(false);
  });

  document.addEventListener("keydown", (event) => {
    if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k" && palette) {
      event.preventDefault();
      openPalette();
    }
    if (event.key === "Escape") {
      if (palette?.open) palette.close(); // at once: in a search field, the key only empties it
      switchMenu(false);
    }
    if (palette?.open && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      const stops = [...palette.querySelectorAll("input, a")];
      const step = event.key === "ArrowDown" ? 1 : stops.length - 1;
      event.preventDefault();
      stops[(stops.indexOf(document.activeElement) + step) % stops.length]?.focus();
    }
    if (palette?.open && event.key === "Enter" && event.target.matches("input")) {
      event.preventDefault();
      palette.querySelector("a")?.click();
    }
  });

  for (const element of document.querySelectorAll("dialog")) {
    element.addEventListener("close", () => {
      opener?.focus();
      if (element === dialog) element.replaceChildren(); // a token's text does not stay behind
    });
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === dialog) openDialog(dialog);
  });
  // Whoever stands in what is replaced, by a poll for example, stands in the same place afterwards.
  const describe = (it) => [it.tagName, it.getAttribute("href"), it.name, it.ariaLabel ?? it.textContent.trim()].join();
  const listAlike = (home, like) =>
    [...home.querySelectorAll("a, button, input, select, summary")].filter((it) => describe(it) === like);
  const readStatus = () => find("status")?.textContent.trim();
  let left = null;
  let status = readStatus();
  document.addEventListener("htmx:beforeSwap", () => {
    const focused = document.activeElement;
    const home = focused.closest("[id]");
    const like = describe(focused);
    left = home && home !== focused && { home: home.id, like, index: listAlike(home, like).indexOf(focused) };
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    const home = left && document.activeElement === document.body && find(left.home);
    if (home) {
      const same = listAlike(home, left.like)[left.index];
      if (!same) home.tabIndex = -1; // it is gone: another one beside it might be pressed by mistake
      (same ?? home).focus({ preventScroll: true });
    }
    if (readStatus() !== status) find("spoken").textContent = status = readStatus();
    const filters = detail.requestConfig?.elt.matches(".filters");
    const order = detail.requestConfig?.elt.matches(".sort") && document.querySelector("[aria-sort] .sort:has(svg)");
    if (order) find("spoken").textContent = order.textContent;
    if (filters) find("spoken").textContent = document.querySelector("#results .pages p, #results h2")?.textContent;
  });
  // A dialog that does not come has a page, which says why; of a part of a page, that it is old.
  const explain = ({ detail }) => {
    if (detail.target === dialog && detail.elt.href) location.assign(detail.elt.href);
    else {
      find("spoken").textContent = document.body.dataset.failed;
      find("spoken").className = "notice notice-error failed"; // seen, until something comes
    }
  };
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (!detail.isError && find("spoken").matches(".failed")) {
      find("spoken").className = "visually-hidden";
      find("spoken").textContent = "";
    }
  });
  document.addEventListener("htmx:responseError", explain);
  document.addEventListener("htmx:sendError", explain);

  // A second click on the button that sends would make a second token, and hide the first one's key.
  const SOON = 3000; // milliseconds; later it is meant: a file was downloaded, or nothing came back
  const sent = new WeakMap();
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      if (form.method !== "post") return;
      if (performance.now() - (sent.get(form) ?? -SOON) < SOON) {
        event.preventDefault();
        event.stopImmediatePropagation(); // htmx listens, too
      } else sent.set(form, performance.now());
    },
    true,
  );

  // The server takes no larger body: it answers with a bare line, and what was filled in is gone.
  const MOST_BYTES = 10 * 2 ** 20 - 2 ** 16; // settings.DATA_UPLOAD_MAX_MEMORY_SIZE, less the rest
  document.addEventListener("change", ({ target }) => {
    if (target.type !== "file" || "anySize" in target.form.dataset) return;
    const fields = [...target.form.elements].filter((field) => field.type === "file");
    for (const field of fields) field.setCustomValidity("");
    const bytes = fields.flatMap((field) => [...field.files]).reduce((sum, file) => sum + file.size, 0);
    if (bytes > MOST_BYTES) target.setCustomValidity(document.body.dataset.tooLarge);
    target.reportValidity();
  });

  // What has to be mended may be far below, or behind the edge.
  document.querySelector("main .field.has-errors :is(input, select, textarea)")?.focus();

  // Warnings beside a field: data-warns="name=value".
  const showWarnings = () => {
    for (const warning of document.querySelectorAll("[data-warns]")) {
      const [name, value] = warning.dataset.warns.split("=");
      const fields = [...document.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
      const chosen = fields.find((field) => field.type !== "radio" || field.checked);
      warning.hidden = (chosen?.type === "checkbox" ? String(chosen.checked) : chosen?.value) !== value;
    }
  };
  document.addEventListener("input", showWarnings);
  showWarnings();

  // On a narrow screen the tab that one is on may lie behind the edge.
  for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
    const tabs = tab.parentElement;
    tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft + tab.offsetWidth - tabs.clientWidth;
  }

  // Polling rests while nobody looks and catches up when somebody does.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.matches("[data-poll]")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) document.body.dispatchEvent(new Event("visible"));
  });
})();
