"use strict";
// Prints, and shows another choice at once; without this file the button and the browser's menu do.
(() => {
  const controls = document.querySelector(".controls");
  const button = controls.querySelector("[data-print]");
  button.hidden = false;
  button.addEventListener("click", () => window.print());
  controls.addEventListener("change", () => controls.requestSubmit());
})();
