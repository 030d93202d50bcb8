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
    const parts = [...drawing.querySelectorAll("svg")].map((svg) => ({ svg, whole: svg.getAttribute("viewBox") }));
    const network = document.getElementById("network");
    if (network) network.addEventListener("change", () => {
      const moving = drawing.querySelector(`g.moving[data-network="${network.value}"]`);
      for (const { svg, whole } of parts) {
        svg.setAttribute("viewBox", whole);
        svg.style.display = moving && !svg.contains(moving) ? "none" : "";
      }
      if (!moving) return;
      const svg = moving.closest("svg");
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

  // Readout zones: drag a readout, draw others, or look farther out.
  const norm = document.getElementById("norm");
  if (norm && data.simulation) {
    const recorded = () => ({ readouts: data.simulation.readouts.map((w) => [...w]), bias: [...data.simulation.bias] });
    let { readouts, bias } = recorded();
    const frames = [...document.querySelectorAll("g.simulation")].map((group) => ({
      group, biased: group.dataset.biased === "true", extent: +group.dataset.extent,
      left: +group.dataset.left, top: +group.dataset.top, side: +group.dataset.side,
      zones: [...group.querySelectorAll("g.zones > path")],
      arrows: [...group.querySelectorAll("g.readout")],
      ends: [...group.querySelectorAll("g.ends > text")],
    }));
    // The part of a convex polygon where normal . r + offset >= 0.
    const cut = (polygon, normal, offset) => polygon.flatMap((from, index) => {
      const to = polygon[(index + 1) % polygon.length];
      const [before, after] = [from, to].map(([x, y]) => normal[0] * x + normal[1] * y + offset);
      const kept = before >= 0 ? [from] : [];
      const share = before / (before - after);
      if ((before >= 0) !== (after >= 0)) kept.push([0, 1].map((axis) => from[axis] + share * (to[axis] - from[axis])));
      return kept;
    });
    const written = (points) => points.map((point) => point.map((part) => part.toFixed(2)).join(" ")).join("L");
    const draw = () => {
      for (const { biased, extent, left, top, side, zones, arrows, ends } of frames) {
        const place = ([x, y]) => [left + (side * (x / extent + 1)) / 2, top + (side * (1 - y / extent)) / 2];
        const whole = [[-extent, -extent], [extent, -extent], [extent, extent], [-extent, extent]];
        readouts.forEach((own, index) => {
          const zone = readouts.reduce((zone, other, at) => at === index ? zone : cut(zone,
            [own[0] - other[0], own[1] - other[1]], biased ? bias[index] - bias[at] : 0), whole);
          zones[index].setAttribute("d", zone.length ? `M${written(zone.map(place))}Z` : "");
          const [from, to] = [place([0, 0]), place(own)];
          const length = Math.max(1e-9, Math.hypot(to[0] - from[0], to[1] - from[1]));
          const along = [0, 1].map((axis) => (to[axis] - from[axis]) / length);
          const head = Math.min(8, 0.8 * length);
          const at = (back, aside) => [to[0] - back * along[0] - aside * along[1], to[1] - back * along[1] + aside * along[0]];
          const [shaft, tipped] = arrows[index].querySelectorAll("path");
          shaft.setAttribute("d", `M${written([from, at(head, 0)])}`);
          tipped.setAttribute("d", `M${written([to, at(head, 0.45 * head), at(head, -0.45 * head)])}Z`);
          const name = arrows[index].querySelector("text");
          name.setAttribute("x", to[0] + 11 * along[0]);
          name.setAttribute("y", to[1] + 11 * along[1] + 4);
          const said = (value) => value.toPrecision(3).replace("-", "\u2212");
          arrows[index].dataset.tip = `readout ${index + 1}\nw = (${own.map(said).join(", ")})`
            + (biased ? `\nb = ${said(bias[index])}` : "");
        });
        const end = extent < 10 ? extent.toFixed(1).replace(".0", "") : extent.toFixed(0);
        ends.forEach((text, index) => { text.textContent = (index < 2 ? "\u2212" : "") + end; });
      }
    };
    for (const frame of frames) frame.arrows.forEach((arrow, index) => {
      arrow.style.cursor = "grab";
      arrow.style.touchAction = "none";
      arrow.addEventListener("pointerdown", (event) => { event.preventDefault(); arrow.setPointerCapture(event.pointerId); });
      arrow.addEventListener("pointermove", (event) => {
        if (!arrow.hasPointerCapture(event.pointerId)) return;
        const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(frame.group.getScreenCTM().inverse());
        const most = frames[0].extent;
        const inside = (share) => Math.max(-most, Math.min(most, share * frame.extent));
        readouts[index] = [inside((2 * (x - frame.left)) / frame.side - 1), inside(1 - (2 * (y - frame.top)) / frame.side)];
        draw();
      });
    });
    // Standard normal, within the window (Box and Muller).
    const drawn = () => {
      const value = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
      return Math.abs(value) < 0.9 * frames[0].extent ? value : drawn();
    };
    document.getElementById("redraw").addEventListener("click", () => {
      readouts = readouts.map(() => [drawn(), drawn()]);
      bias = bias.map(drawn);
      draw();
    });
    const now = document.getElementById("norm-now");
    const [wide, words] = [norm.value, now.textContent];
    norm.addEventListener("input", () => {
      frames[2].extent = 10 ** norm.value;
      now.textContent = "up to " + frames[2].extent.toFixed(frames[2].extent < 10 ? 1 : 0);
      norm.setAttribute("aria-valuetext", now.textContent);
      draw();
    });
    document.getElementById("recorded").addEventListener("click", () => {
      ({ readouts, bias } = recorded());
      norm.value = wide;
      now.textContent = words;
      frames[2].extent = +frames[2].group.dataset.extent;
      draw();
    });
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
