// One case: choose a field, look at it, say what it shows; by mouse, by finger or by keys.
import { ask, piece, base } from "./asked.js";
import { Uploads, dropped } from "./upload.js";
import { Plain, Viewer } from "./viewer.js";

const root = document.getElementById("case");
const panel = document.getElementById("panel");
const said = document.getElementById("said");
const links = [...document.querySelectorAll("#fields a")];
const uploads = new Uploads(root.dataset.case);
let viewer = null;
let saving = false;
// The cell that the gallery sent us to.
let wanted = Number(new URLSearchParams(location.search).get("cell")) || null;

function say(text, problem = false) {
  said.textContent = text;
  said.classList.toggle("problem", problem);
}

const field = () => document.getElementById("field");
const current = () => links.findIndex((link) => link.dataset.field === field()?.dataset.field);

// Scrolls the list alone, and never the page.
function showInList(link) {
  const list = link.closest("nav");
  const [place, box] = [link.getBoundingClientRect(), list.getBoundingClientRect()];
  if (place.top < box.top) list.scrollTop += place.top - box.top;
  if (place.bottom > box.bottom) list.scrollTop += place.bottom - box.bottom;
  if (place.left < box.left) list.scrollLeft += place.left - box.left;
  if (place.right > box.right) list.scrollLeft += place.right - box.right;
}

function shown() {
  const { field: id, heatmap, cells } = field().dataset;
  viewer?.show(id, heatmap ? JSON.parse(heatmap) : null, JSON.parse(cells), wanted);
  wanted = null;
  for (const link of links) {
    if (link.dataset.field === id) {
      link.setAttribute("aria-current", "true");
      showInList(link);
    } else link.removeAttribute("aria-current");
  }
}

async function choose(index) {
  const link = links[index];
  if (!link) return;
  try {
    const blind = root.dataset.blind ? "?blind=true" : "";
    panel.innerHTML = await piece(`/fields/${link.dataset.field}/panel${blind}`);
    history.replaceState(null, "", link.href);
    shown();
  } catch (error) {
    say(error.message, true);
  }
}

function nextOpen() {
  const from = current();
  const order = [...links.keys()].map((step) => (from + 1 + step) % links.length);
  return order.find((index) => index !== from && !links[index].dataset.verdict);
}

async function count() {
  const { count: counts } = await ask("GET", `/cases/${root.dataset.case}`);
  for (const shownCount of document.querySelectorAll("[data-count]")) {
    shownCount.textContent = counts[shownCount.dataset.count];
  }
}

async function verify(verdict, subtype) {
  if (saving || !document.getElementById("verify")) return;
  if (verdict === "confirmed" && !field().dataset.answered) return;
  saving = true;
  const { field: id, version } = field().dataset;
  const comment = document.getElementById("comment").value;
  try {
    const json = { seen: Number(version), verdict, subtype, comment };
    const now = await ask("POST", `/fields/${id}/verifications`, { json });
    const link = links[current()];
    count();
    link.dataset.verdict = now.verdict;
    const shownSubtype = document.querySelector(`[data-subtype="${now.verified_subtype}"]`);
    const word = shownSubtype ? shownSubtype.lastChild.textContent.trim() : "";
    link.querySelector(".verdict").textContent = verdict === "corrected" ? `corrected: ${word}` : now.verdict;
    const next = nextOpen();
    await choose(next ?? current());
    say(`${now.name}: ${now.verdict}.${next === undefined ? " Every field here has a verdict." : ""}`);
  } catch (error) {
    if (error.status === 409) {
      await choose(current());
      document.getElementById("comment").value = comment;
    }
    say(`Not saved: ${error.message}`, true);
  } finally {
    saving = false;
  }
}

function heat(on) {
  viewer.heat = on;
  viewer.paint();
  document.getElementById("heat").setAttribute("aria-pressed", String(on));
}

function boxes(on) {
  viewer.boxes = on;
  viewer.paint();
  document.getElementById("boxes").setAttribute("aria-pressed", String(on));
}

function strength(value) {
  const slider = document.getElementById("strength");
  slider.value = value;
  viewer.strength = slider.value / 100;
  heat(true);
}

const slider = () => Number(document.getElementById("strength").value);
const KEYS = {
  j: () => choose(current() + 1),
  k: () => choose(current() - 1),
  n: () => choose(nextOpen()),
  c: () => verify("confirmed"),
  u: () => verify("unusable"),
  m: () => document.getElementById("comment")?.focus(),
  s: () => document.getElementById("sign")?.click(),
  b: () => boxes(!viewer.boxes),
  h: () => heat(!viewer.heat),
  "[": () => strength(slider() - 10),
  "]": () => strength(slider() + 10),
  "+": () => viewer.zoom(1.4),
  "=": () => viewer.zoom(1.4),
  "-": () => viewer.zoom(1 / 1.4),
  0: () => viewer.home(),
};
const help = document.getElementById("help");
const signing = document.getElementById("signing");
const keysOn = document.getElementById("keys-on");
keysOn.checked = localStorage.getItem("keys") !== "off";
keysOn.addEventListener("change", () => localStorage.setItem("keys", keysOn.checked ? "on" : "off"));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || help.open || signing.open) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "?") {
    event.preventDefault();
    help.showModal();
    return;
  }
  if (!keysOn.checked || !links.length) return;
  const number = Number(event.key);
  const buttons = panel.querySelectorAll("[data-subtype]");
  const act = number >= 1 && buttons[number - 1] ? () => buttons[number - 1].click() : KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

panel?.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.verdict) verify(button.dataset.verdict, button.dataset.subtype);
  if (button?.id === "retry") {
    try {
      await ask("POST", `/fields/${field().dataset.field}/retry`);
      await choose(current());
    } catch (error) {
      say(error.message, true);
    }
  }
});
panel?.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("fields")?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  choose(links.indexOf(link));
});
for (const image of document.querySelectorAll("#fields img")) {
  const broken = () => image.classList.add("broken");
  if (image.complete && !image.naturalWidth && image.loading !== "lazy") broken();
  image.addEventListener("error", broken);
}
document.getElementById("keys").addEventListener("click", () => help.showModal());
for (const id of ["files", "folder"]) {
  const input = document.getElementById(id);
  const take = () => {
    if (input.files.length) uploads.add([...input.files]);
    input.value = "";
  };
  input.addEventListener("change", take);
  take(); // chosen before this script was here
}
document.getElementById("delete")?.addEventListener("click", async () => {
  if (!confirm("Delete this case with its files, answers and verifications? This cannot be undone.")) return;
  try {
    await ask("DELETE", `/cases/${root.dataset.case}`);
    location.assign(`${base}/`);
  } catch (error) {
    say(error.message, true);
  }
});
document.getElementById("sign")?.addEventListener("click", () => signing.showModal());
document.getElementById("signing-close").addEventListener("click", () => signing.close());
document.getElementById("signing-form").addEventListener("submit", (event) => event.preventDefault());
signing.addEventListener("keydown", (event) => {
  if (event.target.closest("textarea") || event.ctrlKey || event.altKey || event.metaKey) return;
  const button = signing.querySelector(`[data-conclusion^="${CSS.escape(event.key)}"]`);
  if (event.key.length === 1) button?.focus();
});
signing.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-conclusion]");
  if (!button) return;
  const comment = document.getElementById("signing-comment").value;
  const json = { conclusion: button.dataset.conclusion, comment };
  try {
    await ask("POST", `/cases/${root.dataset.case}/signatures`, { json });
    location.reload();
  } catch (error) {
    document.getElementById("signing-problem").textContent = error.message;
  }
});
document.getElementById("open")?.addEventListener("click", async () => {
  try {
    await ask("POST", `/cases/${root.dataset.case}/open`);
    location.reload();
  } catch (error) {
    say(error.message, true);
  }
});
root.addEventListener("dragover", (event) => {
  event.preventDefault();
  root.classList.add("dropping");
});
root.addEventListener("dragleave", () => root.classList.remove("dropping"));
root.addEventListener("drop", async (event) => {
  event.preventDefault();
  root.classList.remove("dropping");
  uploads.add(await dropped(event.dataTransfer));
});

window.addEventListener("DOMContentLoaded", () => {
  root.dataset.ready = "yes";
  if (!links.length) return;
  const element = document.getElementById("viewer");
  viewer = element && window.OpenSeadragon ? new Viewer(element) : new Plain(document.getElementById("plain"));
  document.getElementById("zoom-in").addEventListener("click", () => viewer.zoom(1.4));
  document.getElementById("zoom-out").addEventListener("click", () => viewer.zoom(1 / 1.4));
  document.getElementById("zoom-home").addEventListener("click", () => viewer.home());
  document.getElementById("heat").addEventListener("click", () => heat(!viewer.heat));
  document.getElementById("boxes").addEventListener("click", () => boxes(!viewer.boxes));
  if (wanted) boxes(true);
  document.getElementById("strength").addEventListener("input", (event) => strength(event.target.value));
  shown();
});
