"use strict";
// Says so when the server is out of reach: the code on the screen may have ended meanwhile.
(() => {
  const note = document.querySelector(".offline");
  const tell = (isOffline) => { note.textContent = isOffline ? note.dataset.text : ""; };
  document.addEventListener("htmx:sendError", () => tell(true));
  document.addEventListener("htmx:responseError", () => tell(true));
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) tell(false); });
  document.addEventListener("dblclick", () => document.documentElement.requestFullscreen?.());
})();
