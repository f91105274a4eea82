// Runs before the first paint, so that a dark page never flashes white.
(() => {
  const kept = localStorage.getItem("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const show = (theme) => { document.documentElement.dataset.bsTheme = theme; };
  show(kept || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => {
    if (!localStorage.getItem("theme")) show(dark.matches ? "dark" : "light");
  });
})();
