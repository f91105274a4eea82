"use strict";
// A few conveniences; without this file the page's forms and links do the same work.
// An old iPhone is to be enrolled, too: no words that Safari 12 cannot read, or it reads none.
(() => {
  const EVERY = 3000, STOP_AFTER = 15 * 60 * 1000;
  const ENDS = ["managed", "expired"]; // what failed may still succeed: devices try again
  const body = document.body;

  // An iPad says that it is a Mac, and so does an iPhone that asks for desktop pages; but no Mac has
  // a touch screen, and no iPad one that is as small.
  const here = new URL(location.href);
  if (body.dataset.device === "mac" && navigator.maxTouchPoints > 1 && /^\/enroll\/?$/.test(here.pathname) && !here.searchParams.has("device")) {
    here.searchParams.set("device", Math.min(screen.width, screen.height) < 600 ? "iphone" : "ipad");
    location.replace(here);
    return;
  }

  for (const button of document.querySelectorAll("[data-copy]")) {
    if (!navigator.clipboard) continue; // the link itself stands there to be copied
    button.hidden = false;
    button.nextElementSibling.hidden = true;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = button.dataset.copied;
      } catch { button.nextElementSibling.hidden = false; }
    });
  }

  // On paper nothing can be unfolded.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details:not([open])")) { details.open = true; details.dataset.printed = ""; }
  });
  addEventListener("afterprint", () => {
    for (const details of document.querySelectorAll("[data-printed]")) { details.open = false; delete details.dataset.printed; }
  });

  const status = document.querySelector(".status");

  // Whether this browser trusts the server's certificate: an address of the server that no one
  // has told it to open in spite of a warning.
  if (status && status.dataset.trustUrl) {
    const goOn = document.querySelector("[data-go-on]");
    let isFirst = true, isChecking = false;
    const check = async () => {
      if (isChecking || status.dataset.state === "managed") return;
      isChecking = true;
      let trusts = true;
      const patience = new AbortController(); // AbortSignal.timeout would come with Safari 16
      const timeout = setTimeout(() => patience.abort(), 10000);
      try {
        await fetch(status.dataset.trustUrl, { mode: "no-cors", cache: "no-store", credentials: "omit", signal: patience.signal });
      } catch { trusts = false; }
      clearTimeout(timeout);
      isChecking = false;
      if (trusts && isFirst) { location.replace(`${goOn.action}?${new URLSearchParams(new FormData(goOn))}`); return; }
      isFirst = false;
      status.hidden = false;
      status.dataset.state = trusts ? "managed" : "untrusted";
      status.querySelector("[data-text]").textContent = trusts ? status.dataset.trusted : status.dataset.untrusted;
    };
    document.addEventListener("visibilitychange", () => { if (!document.hidden) check(); });
    setInterval(() => { if (!document.hidden) check(); }, EVERY);
    check();
    return;
  }

  let url = body.dataset.statusUrl, started = Date.now(), timer;

  // What waits for approval at the page has nothing to download before.
  let held = status && status.hasAttribute("data-held") && status.dataset.state === "waiting";
  const hint = () => { // there is nothing to install yet
    for (const it of document.querySelectorAll(".hint")) it.hidden = held;
  };
  const follow = (state) => {
    const waits = state.awaits_approval && state.state === "waiting";
    if (held && !waits && state.state === "waiting") location.href = state.profile_url;
    held = waits;
    hint();
  };

  const show = (state) => {
    status.dataset.state = state.state;
    status.querySelector("[data-text]").textContent = state.text;
    status.querySelector("[data-fix]").textContent = state.fix;
    status.querySelector("[data-where]").textContent = state.where;
    const progress = status.querySelector("[data-progress]");
    progress.hidden = state.state !== "enrolled" || !state.total;
    progress.max = state.total || 1;
    progress.value = state.installed;
  };

  const poll = async () => {
    clearTimeout(timer);
    if (!url || !status) return;
    if (Date.now() - started > STOP_AFTER && !held) {
      const text = status.querySelector("[data-text]");
      status.dataset.state = "stopped";
      text.textContent = text.dataset.stopped;
      return;
    }
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const state = await answer.json();
        show(state);
        follow(state);
        if (ENDS.includes(state.state)) return;
      }
    } catch { /* away from the network for a moment: the next poll tells */ }
    if (!document.hidden) timer = setTimeout(poll, EVERY);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
  if (url && status && !ENDS.includes(status.dataset.state)) poll();

  const form = document.querySelector("[data-open-session]");
  let isOpening = false; // a second tap would open a second session, and lose the first one's profile
  if (form) form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (url) { if (!held) location.href = `${url}/profile`; return; }
    if (isOpening) return;
    isOpening = true;
    const answer = await fetch(form.action, {
      method: "POST", body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    }).catch(() => null);
    if (!answer || !answer.ok) { // its answer is a page that says why
      isOpening = false; // who comes back from it may find this page as it was
      form.submit();
      return;
    }
    const state = await answer.json();
    url = state.status_url;
    // Safari loads the page anew when somebody comes back from Settings: then it is the session's.
    history.replaceState(null, "", url);
    started = Date.now();
    held = state.awaits_approval;
    hint();
    if (!held) location.href = state.profile_url;
    show(state);
    timer = setTimeout(poll, EVERY);
  });
})();
