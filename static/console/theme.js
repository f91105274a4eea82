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
// What the key of commands is called on this keyboard.
if (/Mac|iPhone|iPad/.test(navigator.platform)) document.documentElement.dataset.keys = "apple";
// Times stand there as on the clock of whoever looks, from the next page on.
{
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `timezone=${zone}; path=/console/; max-age=31536000; samesite=lax${secure}`;
}
