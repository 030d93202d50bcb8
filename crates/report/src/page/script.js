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

  const data = JSON.parse(document.getElementById("data").textContent);
  const svgNS = "http://www.w3.org/2000/svg";
  for (const controls of document.querySelectorAll(".controls")) controls.hidden = false;

  // Hints: every <g class="tip"> says its <title>, by pointer or by arrow keys.
  const tip = document.getElementById("tip");
  for (const group of document.querySelectorAll("g.tip")) {
    const title = group.querySelector(":scope > title");
    if (title) { group.dataset.tip = title.textContent; title.remove(); }
  }
  let lit = null;
  const hide = () => { tip.hidden = true; if (lit) lit.classList.remove("on"); lit = null; };
  const show = (group, x, y) => {
    if (lit !== group || tip.dataset.said !== group.dataset.tip) {
      hide(); lit = group; group.classList.add("on");
      tip.textContent = tip.dataset.said = group.dataset.tip;
      const picture = data.pictures[group.dataset.image];
      if (picture) { const img = document.createElement("img"); img.src = picture; img.alt = ""; tip.prepend(img); }
    }
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

  // Steps: points go where they are at that step, in all networks at once.
  const slider = document.getElementById("step");
  if (slider) {
    const now = document.getElementById("step-now");
    const trails = document.getElementById("trails");
    const pictures = document.getElementById("pictures");
    const points = [];
    for (const network of data.moving) {
      const groups = document.querySelectorAll(`g.moving[data-network="${network.network}"] > g.who`);
      network.who.forEach((who, index) => {
        const sign = groups[index].querySelector("g.sign");
        sign.removeAttribute("transform");
        groups[index].dataset.image = who.image;
        points.push({ network, who, group: groups[index], sign, shape: sign.lastElementChild, trail: groups[index].querySelector("path") });
      });
    }
    const draw = () => {
      const wanted = +slider.value;
      now.textContent = "t = " + wanted;
      slider.setAttribute("aria-valuetext", now.textContent);
      for (const { network, who, group, sign, shape, trail } of points) {
        const step = Math.min(wanted, network.n_steps - 1);
        const [x, y] = [who.places[2 * step], who.places[2 * step + 1]];
        sign.style.transform = `translate(${x}px, ${y}px)`;
        const right = who.answers[step] === who.label;
        shape.style.fill = right ? `var(--${sign.dataset.ink})` : "var(--ground)";
        let d = "";
        for (let t = 0; t <= step; t++) d += (t ? "L" : "M") + who.places[2 * t] + " " + who.places[2 * t + 1];
        trail.setAttribute("d", trails.checked ? d : "");
        const way = [];
        for (let t = 0; t < network.n_steps; t++) {
          const name = network.classes[who.answers[t]];
          if (way.length && way[way.length - 1].name === name) way[way.length - 1].to = t;
          else way.push({ name, from: t, to: t });
        }
        const said = way.map(({ name, from, to }) =>
          (step >= from && step <= to ? "▸ " : "\u2003") + `t=${from}${to > from ? "–" + to : ""}: ${name}`);
        group.dataset.tip = `image ${who.image}: ${network.classes[who.label]}\n` + said.join("\n");
        const frame = sign.querySelector("image");
        if (frame) frame.style.outline = `2.5px ${right ? "solid" : "dotted"} var(--${sign.dataset.ink})`;
      }
    };
    slider.addEventListener("input", draw);
    trails.addEventListener("change", draw);
    if (pictures) pictures.addEventListener("change", () => {
      for (const { who, sign, shape } of points) {
        const old = sign.querySelector("image");
        if (old) old.remove();
        const address = pictures.checked && data.pictures[who.image];
        shape.style.display = address ? "none" : "";
        if (!address) continue;
        const image = document.createElementNS(svgNS, "image");
        image.setAttribute("href", address);
        for (const [key, value] of Object.entries({ x: -12, y: -12, width: 24, height: 24 })) image.setAttribute(key, value);
        sign.append(image);
      }
      draw();
    });
    const drawing = document.querySelector("#projection .drawing");
    const svg = drawing.querySelector("svg");
    const whole = svg.getAttribute("viewBox");
    const network = document.getElementById("network");
    if (network) network.addEventListener("change", () => {
      const moving = svg.querySelector(`g.moving[data-network="${network.value}"]`);
      if (!moving) { svg.setAttribute("viewBox", whole); return; }
      const { e: x, f: y } = moving.parentNode.transform.baseVal.consolidate().matrix;
      const { width, height } = data.moving.find((one) => one.network === +network.value);
      svg.setAttribute("viewBox", `${x} ${y - 22} ${width} ${height + 24}`);
    });
    const play = document.getElementById("play");
    let timer = 0;
    const stop = () => { clearInterval(timer); timer = 0; play.textContent = "▶ play"; };
    play.addEventListener("click", () => {
      if (timer) { stop(); return; }
      if (+slider.value === +slider.max) slider.value = 0;
      play.textContent = "❚❚ pause";
      draw();
      timer = setInterval(() => {
        slider.value = +slider.value + 1;
        draw();
        if (+slider.value === +slider.max) stop();
      }, 700);
    });
    slider.addEventListener("pointerdown", stop);
    slider.addEventListener("keydown", stop);
    draw();
  }

  // Transitions of all steps, or between two.
  const between = document.getElementById("between");
  if (between) {
    const graphs = [...document.querySelectorAll("g.edges")].map((graph) => ({
      most: +graph.dataset.most,
      edges: [...graph.children].map((group) => ({
        group, path: group.querySelector("path"), name: group.dataset.name, all: group.dataset.tip,
        width: group.querySelector("path").getAttribute("stroke-width"),
        steps: group.dataset.steps.split(" ").map(Number),
      })),
    }));
    between.addEventListener("input", () => {
      const step = +between.value;
      const words = step < 0 ? "all steps" : `t = ${step} → ${step + 1}`;
      document.getElementById("between-now").textContent = words;
      between.setAttribute("aria-valuetext", words);
      for (const { edges } of graphs) {
        const most = Math.max(1, ...edges.flatMap((edge) => edge.steps));
        for (const { group, path, name, all, width, steps } of edges) {
          const n = step < 0 ? 1 : steps[step];
          group.style.display = n ? "" : "none";
          path.setAttribute("stroke-width", step < 0 ? width : Math.max(0.4, 7 * n / most));
          group.dataset.tip = step < 0 ? all : `${name}\n${words}: ${n} image${n === 1 ? "" : "s"}`;
        }
      }
    });
  }
})();
