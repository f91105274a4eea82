"use strict";
// Three conveniences; without this file the page's forms and links do the same work.
(() => {
  const EVERY = 3000, STOP_AFTER = 15 * 60 * 1000;
  const ENDS = ["managed", "expired"]; // what failed may still succeed: devices try again
  const body = document.body;

  // An iPad says that it is a Mac, but no Mac has a touch screen.
  const here = new URL(location.href);
  if (body.dataset.device === "mac" && navigator.maxTouchPoints > 1 && here.pathname === "/enroll") {
    here.searchParams.set("device", "ipad");
    location.replace(here);
    return;
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
    });
  }

  const status = document.querySelector(".status");
  let url = body.dataset.statusUrl, started = Date.now(), timer;

  const show = (state) => {
    status.dataset.state = state.state;
    status.querySelector("[data-text]").textContent = state.text;
    status.querySelector("[data-fix]").textContent = `${state.cause} ${state.resolution}`.trim();
    const progress = status.querySelector("[data-progress]");
    progress.hidden = state.state !== "enrolled" || !state.total;
    progress.max = state.total || 1;
    progress.value = state.installed;
  };

  const poll = async () => {
    clearTimeout(timer);
    if (!url || !status) return;
    if (Date.now() - started > STOP_AFTER) { status.dataset.state = "stopped"; return; }
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const state = await answer.json();
        show(state);
        if (ENDS.includes(state.state)) return;
      }
    } catch { /* away from the network for a moment: the next poll tells */ }
    if (!document.hidden) timer = setTimeout(poll, EVERY);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  if (url && status && !ENDS.includes(status.dataset.state)) poll();

  const form = document.querySelector("[data-open-session]");
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (url) { location.href = `${url}/profile`; return; }
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    }).catch(() => null);
    if (!answer?.ok) { form.submit(); return; } // its answer is a page that says why
    const state = await answer.json();
    url = state.status_url;
    started = Date.now();
    location.href = state.profile_url;
    show(state);
    timer = setTimeout(poll, EVERY);
  });
})();
