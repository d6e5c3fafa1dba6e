// The layer explorer. window.FMIQA comes from explorer/data.js: numbers, and what the pictures show.
const data = window.FMIQA;
const form = document.getElementById("controls");
const at = (id) => document.getElementById(id);
const pictures = new Map();
const NAMES = { l2: "L2", cos: "cosine" };
let wanted = "", speaking, resting, noting = false;

const number = (value) => (value === 0 ? "0" : value < 0.001 ? value.toExponential(2) : value.toPrecision(4));

function state() {
  const chosen = Object.fromEntries(new FormData(form));
  const { photograph, distortion, distance } = chosen;
  const level = Number(chosen.level), layer = Number(chosen.layer);
  const pair = Object.keys(data.levels).indexOf(distortion) * data.levels[distortion].length + level - 1;
  const found = data.photographs[photograph][distance];
  const parts = found.layers[pair];
  return {
    photograph, distortion, distance, level, layer, parts, overlay: "overlay" in chosen,
    all: layer === parts.length,
    score: parts.reduce((sum, part) => sum + part, 0),
    top: found.tops[distortion][layer],
    stem: `${photograph}_${distortion}_${level}`,
    words: data.levels[distortion][level - 1],
  };
}

// One strip holds the maps of all layers side by side.
function draw(now) {
  const file = `explorer/${now.stem}_${now.distance}.png`;
  wanted = file;
  if (!pictures.has(file)) pictures.set(file, Object.assign(new Image(), { src: file }));
  const strip = pictures.get(file);
  strip.decode().then(() => {
    if (wanted !== file) return;
    const { layer } = state();
    for (const canvas of [at("map"), at("overlay")]) {
      const context = canvas.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(strip, layer * data.grid, 0, data.grid, data.grid, 0, 0, canvas.width, canvas.height);
    }
    at("map").dataset.shown = `${file}#${layer}`;
  }).catch(() => pictures.delete(file));
}

function bars(now) {
  const svg = at("bars"), most = Math.max(...now.parts) || 1, step = 600 / now.parts.length;
  svg.querySelectorAll("g").forEach((old) => old.remove());
  now.parts.forEach((part, layer) => {
    const group = document.createElementNS(svg.namespaceURI, "g");
    const height = (part / most) * 112, on = now.all || layer === now.layer;
    group.innerHTML = `<rect class="hit" x="${layer * step}" y="0" width="${step}" height="150"/>` +
      `<rect class="${on ? "on" : "off"}" x="${layer * step + 5}" y="${124 - height}" width="${step - 10}" height="${Math.max(height, 1)}" rx="2"/>` +
      `<text x="${(layer + 0.5) * step}" y="143" text-anchor="middle" class="${on ? "on" : "off"}">${layer}</text>`;
    group.addEventListener("click", () => { form.elements.layer.value = layer; update(); note(); });
    svg.append(group);
  });
}

function say(now) {
  const part = now.all ? now.score : now.parts[now.layer];
  const share = now.score ? Math.round((100 * part) / now.score) : 0;
  const words = now.all ? "all layers together" : `layer ${now.layer}: ${number(part)}, ${share} % of the score`;
  const picture = `${now.photograph.replace("_", " ")}, ${now.distortion}, level ${now.level} of ${data.levels[now.distortion].length} (${now.words})`;
  at("score").textContent = number(now.score);
  at("unit").textContent = `${NAMES[now.distance]} score`;
  at("part").textContent = words;
  at("levelname").textContent = `${now.level}: ${now.words}`;
  at("layername").textContent = now.all ? "all layers" : `${now.layer}`;
  at("top").textContent = now.all ? `${number(now.top)} (all)` : number(now.top);
  form.elements.layer.setAttribute("aria-valuetext", now.all ? "all layers" : `layer ${now.layer}`);
  form.elements.level.setAttribute("aria-valuetext", `level ${now.level}, ${now.words}`);
  at("ref").alt = `Reference photograph: ${now.photograph.replace("_", " ")}`;
  at("dis").alt = `Distorted photograph: ${picture}`;
  at("map").setAttribute("aria-label", `Map of the ${NAMES[now.distance]} distance, ${words}, of ${picture}`);
  at("numbers").innerHTML = now.parts.map((value, layer) =>
    `<tr><th scope="row">${layer}</th><td>${number(value)}</td><td>${now.score ? Math.round((100 * value) / now.score) : 0} %</td></tr>`).join("");
  at("code").textContent =
    `from fmiqa_core import Metric, demo\n\nref = demo.reference("${now.photograph}")\nfolder = demo.make()\n` +
    `metric = Metric("${data.backbone}", distance="${now.distance}")\n` +
    `score = metric(ref, folder / "${now.distortion}/${now.photograph}_${now.level}.png", map="layers")\n` +
    `print(score.score)\nmaps = score.map  # (layers, height, width)`;
  clearTimeout(speaking);  // after the slider has come to rest
  speaking = setTimeout(() => {
    document.getElementById("said").textContent = `${picture}: ${NAMES[now.distance]} score ${number(now.score)}; ${words}. Severity ranks, not human scores.`;
  }, 300);
}

function update() {
  const now = state();
  at("ref").src = `explorer/${now.photograph}.webp`;
  at("dis").src = `explorer/${now.stem}.webp`;
  at("overlay").hidden = !now.overlay;
  draw(now);
  bars(now);
  say(now);
}

// The state stands in the address, so that a view can be passed on and the back button returns to the one before.
function note() {
  const { photograph, distortion, level, layer, all, distance, overlay } = state();
  const words = new URLSearchParams({ photograph, distortion, level, layer: all ? "all" : layer, distance });
  if (overlay) words.set("overlay", "1");
  noting = location.hash.slice(1) !== words.toString();
  location.hash = words;
}

// What the address does not say, or says wrongly, is as on the first visit.
function restore() {
  if (noting) return void (noting = false);  // the page itself wrote it, from what it shows
  const hash = location.hash.slice(1);
  if (hash && !hash.includes("=")) return;  // a place on the page
  clearTimeout(resting);
  form.reset();
  const { elements } = form, words = new URLSearchParams(hash);
  for (const name of ["photograph", "distortion"]) {
    const chosen = [...elements[name].options].find((option) => option.value === words.get(name));
    if (chosen) chosen.selected = true;
  }
  if (Object.hasOwn(NAMES, words.get("distance"))) elements.distance.value = words.get("distance");
  for (const name of ["level", "layer"]) {
    const value = words.get(name) === "all" ? elements[name].max : words.get(name) ?? "";
    if (/^\d+$/.test(value)) elements[name].value = value;  // a range keeps to its ends by itself
  }
  elements.overlay.checked = words.get("overlay") === "1";
  update();
}

const wipe = () => at("wipe").style.setProperty("--share", `${at("share").value}%`);
at("share").addEventListener("input", wipe);
form.addEventListener("input", () => {
  update();
  clearTimeout(resting);
  resting = setTimeout(note, 300);  // one entry for a whole drag
});
form.addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", restore);
wipe();
restore();
