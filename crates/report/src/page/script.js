"use strict";
(() => {
  const root = document.documentElement;

  // Light or dark: as the system says, until somebody says otherwise.
  const theme = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const nameTheme = () => { theme.textContent = isDark() ? "light" : "dark"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; nameTheme(); });
  system.addEventListener("change", nameTheme);
  nameTheme();

  // Hints: every <g class="tip"> says its <title>, by pointer or by arrow keys.
  const tip = document.getElementById("tip");
  for (const group of document.querySelectorAll("g.tip")) {
    const title = group.querySelector(":scope > title");
    if (title) { group.dataset.tip = title.textContent; title.remove(); }
  }
  let lit = null;
  const hide = () => { tip.hidden = true; if (lit) lit.classList.remove("on"); lit = null; };
  const show = (group, x, y) => {
    if (lit !== group) { hide(); lit = group; group.classList.add("on"); tip.textContent = group.dataset.tip; }
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + 18 + box.height > innerHeight ? y - box.height - 12 : y + 18) + "px";
  };
  const centre = (group) => { const box = group.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; };
  document.addEventListener("pointermove", (event) => {
    const group = event.target.closest ? event.target.closest("g.tip") : null;
    if (group && group.dataset.tip) show(group, event.clientX, event.clientY); else hide();
  });
  addEventListener("scroll", hide, { passive: true });
  for (const drawing of document.querySelectorAll(".drawing")) {
    drawing.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") { hide(); return; }
      if (!move || event.target !== drawing) return;
      const groups = [...drawing.querySelectorAll("g.tip")].filter((group) => group.dataset.tip);
      if (!groups.length) return;
      event.preventDefault();
      const at = groups.indexOf(lit);
      const next = groups[at < 0 ? 0 : (at + move + groups.length) % groups.length];
      show(next, ...centre(next));
    });
    drawing.addEventListener("blur", hide);
  }
})();
