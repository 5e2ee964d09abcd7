// Runs before the first paint: says that scripts work, and settles "as the system" into light or dark.
"use strict";
(() => {
  const root = document.documentElement;
  const night = matchMedia("(prefers-color-scheme: dark)");
  const settle = () => {
    const choice = root.dataset.themeChoice;
    root.dataset.bsTheme = choice === "system" ? (night.matches ? "dark" : "light") : choice;
  };
  root.classList.add("js");
  settle();
  night.addEventListener("change", settle);
  document.addEventListener("theme-chosen", settle);
})();
