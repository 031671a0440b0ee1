(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => button.setAttribute("aria-pressed", String(dark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  show();
  // Tables are stops of the Tab key where they have to be scrolled, and only there.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const fits = target.checkVisibility() && target.scrollWidth <= target.clientWidth;
      if (fits) target.removeAttribute("tabindex");
      else target.tabIndex = 0;
    }
  });
  for (const box of document.querySelectorAll(".scroll")) watch.observe(box);
  // One clip at a time.
  document.addEventListener("play", (event) => {
    for (const other of document.querySelectorAll("audio")) {
      if (other !== event.target) other.pause();
    }
  }, true);
})();
