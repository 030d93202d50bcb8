//! The page in a browser: nothing complains, everything is there, slider and hints work.
//!
//! The browser is `REDYN_CHROMIUM`, or one of the usual names on the path; without one the
//! test says so and passes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use redyn_report::write;

mod support;

use support::{Size, context};

/// Before anything else on the page: keep every complaint.
const LISTEN: &str = "<script>window.complaints = [];
addEventListener('error', (event) => complaints.push(event.message || 'a resource did not load'), true);
addEventListener('unhandledrejection', (event) => complaints.push(String(event.reason)));
for (const kind of ['error', 'warn']) console[kind] = (...words) => complaints.push(words.join(' '));
</script>";

/// After everything else: use the page as a person would, and write down what failed.
const TRY: &str = r##"<pre id="found"></pre><script>
const failed = [];
const check = (what, fine) => { if (!fine) failed.push(what); };
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const send = (element, kind) => element.dispatchEvent(new Event(kind, { bubbles: true }));
const tip = document.getElementById("tip");
try {
  check("33 figures", all("section figure").length === 33);
  for (const svg of all("section figure svg")) {
    const name = svg.closest("section").id, box = svg.getBoundingClientRect();
    check(name + " has a size", box.width > 300 && box.height > 60);
    check(name + " has marks", all("path, circle", svg).length > 5);
    check(name + " has words", all("text", svg).some((text) => text.textContent.trim()));
    check(name + " has a title", svg.querySelector("title").textContent && svg.querySelector("desc").textContent);
    for (const group of all("g.tip", svg)) check(name + " has hints", group.dataset.tip);
  }
  const point = document.querySelector("#accuracy g.tip"), at = point.getBoundingClientRect();
  const move = (target, x, y) => target.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: x, clientY: y }));
  move(point.firstElementChild, at.x, at.y);
  check("hover says step, value and n", !tip.hidden && /t=0: 0\.\d+ \[.*\]\s*n = \d+/.test(tip.textContent));
  move(document.body, 1, 1);
  check("the hint goes away", tip.hidden);
  const drawing = document.querySelector("#now_correct .drawing");
  drawing.focus();
  drawing.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  check("arrow keys walk the points", !tip.hidden && tip.textContent.includes("t=0"));

  const slider = document.getElementById("step"), signs = all("g.sign");
  const places = () => signs.map((sign) => sign.style.transform);
  const last = places();
  check("controls are shown", !slider.closest(".controls").hidden);
  slider.value = 0; send(slider, "input");
  const first = places();
  check("points move", first.filter((place, index) => place !== last[index]).length > signs.length / 2);
  check("the step is printed", document.getElementById("step-now").textContent === "t = 0");
  check("ways begin at the first step", all("g.who > path").every((path) => !path.getAttribute("d").includes("L")));
  slider.value = slider.max; send(slider, "input");
  check("points come back", places().every((place, index) => place === last[index]));
  const pictures = document.getElementById("pictures");
  pictures.checked = true; send(pictures, "change");
  check("pictures are shown", all("g.sign image").length === signs.length);
  move(signs[0].lastElementChild, 300, 300);
  check("the hint holds a picture", tip.querySelector("img"));
  const network = document.getElementById("network"), svg = document.querySelector("#projection svg");
  const whole = svg.getAttribute("viewBox");
  network.value = "1"; send(network, "change");
  check("one network fills the frame", svg.getAttribute("viewBox") !== whole);
  network.value = ""; send(network, "change");
  check("all networks come back", svg.getAttribute("viewBox") === whole);

  const between = document.getElementById("between");
  const seen = () => all("g.edge").filter((edge) => edge.style.display !== "none").length;
  const everything = seen();
  between.value = 1; send(between, "input");
  check("transitions are filtered", seen() > 0 && seen() < everything);
  between.value = -1; send(between, "input");
  check("all transitions come back", seen() === everything);

  const zones = () => all("g.zones > path").map((zone) => zone.getAttribute("d")).join();
  const press = (id) => document.getElementById(id).click();
  press("recorded");
  const printed = zones();
  press("redraw");
  check("other readouts have other zones", zones() !== printed);
  press("recorded");
  check("the recorded readouts come back", zones() === printed);
  const norm = document.getElementById("norm");
  norm.value = 1; send(norm, "input");
  check("the norm moves the window", zones() !== printed && document.getElementById("norm-now").textContent === "up to 10");
  press("recorded");
  check("and back", zones() === printed);

  const ground = () => getComputedStyle(document.body).backgroundColor;
  const before = ground();
  document.getElementById("theme").click();
  check("the theme changes", ground() !== before);
  check("nothing is loaded", performance.getEntriesByType("resource").every((entry) => /^(data|file):/.test(entry.name)));
  document.getElementById("play").click();
} catch (error) { failed.push("it broke: " + error.message); }
setTimeout(() => {
  check("playing moves on", +document.getElementById("step").value > 0);
  document.getElementById("found").textContent = "tried:" + [...failed, ...complaints.map((words) => "complaint: " + words)].join("|") + ":end";
}, 2500);
</script>"##;

fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("REDYN_CHROMIUM") {
        return Some(named.into());
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// The page's document after its scripts ran for a while.
fn visited(browser: &Path, page: &Path, profile: &Path) -> String {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--window-size=1200,900", "--virtual-time-budget=6000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .stderr(Stdio::null())
        .output()
        .expect("the browser starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn slider_hints_and_filters_work_and_nothing_complains() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium on the path, and REDYN_CHROMIUM is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let written = write(&context(Size { images: 320, steps: 7, replicates: 40 }), folder.path()).unwrap();
    let html = std::fs::read_to_string(&written.page).unwrap();
    let tried = html.replacen("<head>", &format!("<head>{LISTEN}"), 1).replacen(
        "</body>",
        &format!("{TRY}</body>"),
        1,
    );
    assert!(tried.len() > html.len() + LISTEN.len() + TRY.len() - 1);
    let page = folder.path().join("tried.html");
    std::fs::write(&page, tried).unwrap();
    let document = visited(&browser, &page, &folder.path().join("profile"));
    let found = document.split("\"found\">tried:").nth(1).and_then(|rest| rest.split(":end").next());
    assert_eq!(found, Some(""), "what failed in {}", browser.display());
}
