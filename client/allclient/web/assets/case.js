// One case: choose a field, look at it, say what it shows; by mouse, by finger or by keys.
import { ask, piece, base } from "./asked.js";
import { Turn } from "./turn.js";
import { Uploads, dropped } from "./upload.js";
import { Plain, Viewer } from "./viewer.js";

const root = document.getElementById("case");
const panel = document.getElementById("panel");
const said = document.getElementById("said");
const links = [...document.querySelectorAll("#fields a")];
const uploads = new Uploads(root.dataset.case);
const turn = new Turn(root, panel);
const seen = {}; // versions of fields that were shown, by field
const drafts = new Map(); // comments that were not sent, by field
let viewer = null;
let drawn = null; // settles when the picture of the field is on the screen
let saving = false;
let moving = false;
let target = 0; // the field that was asked for last
let told = "";
let counted = 0;
// The cell that the gallery sent us to.
let wanted = Number(new URLSearchParams(location.search).get("cell")) || null;

function say(text, problem = false) {
  told = text;
  said.textContent = `${text} ${turn.refused}`.trim();
  said.classList.toggle("problem", problem || turn.refused !== "");
}

function refuse(what) {
  turn.refuse(what);
  say(told, said.classList.contains("problem"));
}

const field = () => document.getElementById("field");
const comment = () => document.getElementById("comment");
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

// Of the case somebody has seen what it was when the page was loaded, and these fields since.
function sawVersion(id, version) {
  seen[id] = Number(version);
}

function shown() {
  const { field: id, version, heatmap, cells } = field().dataset;
  sawVersion(id, version);
  drawn = viewer.show(id, heatmap ? JSON.parse(heatmap) : null, JSON.parse(cells), wanted);
  wanted = null;
  if (comment()) comment().value = drafts.get(id) ?? "";
  for (const link of links) {
    if (link.dataset.field === id) {
      link.setAttribute("aria-current", "true");
      showInList(link);
    } else link.removeAttribute("aria-current");
  }
}

// Whoever asks for one field after the other gets the last one; those between are passed over.
// Returns what went wrong.
async function choose(index) {
  if (!links[index]) return "";
  target = index;
  if (moving) return "";
  moving = true;
  turn.close();
  if (comment()) drafts.set(field().dataset.field, comment().value);
  try {
    let link = null;
    while (link !== links[target]) {
      link = links[target];
      const html = await piece(`/fields/${link.dataset.field}/panel`);
      if (link !== links[target]) continue;
      panel.innerHTML = html;
      history.replaceState(null, "", link.href);
      shown();
    }
    return "";
  } catch (error) {
    target = current();
    say(error.message, true);
    return error.message;
  } finally {
    moving = false;
    turn.open(drawn);
  }
}

function nextOpen() {
  const order = [...links.keys()].map((step) => (target + 1 + step) % links.length);
  return order.find((index) => index !== target && !links[index].dataset.verdict);
}

async function count() {
  const asked = (counted += 1);
  const { count: counts } = await ask("GET", `/cases/${root.dataset.case}`);
  if (asked !== counted) return; // a later answer is newer
  for (const shownCount of document.querySelectorAll("[data-count]")) {
    shownCount.textContent = counts[shownCount.dataset.count];
  }
  const first = document.getElementById("look-first");
  if (!first) return;
  const html = await piece(`/cases/${root.dataset.case}/first`);
  if (asked === counted) first.innerHTML = html;
}

// The verdict names the field on the screen, and the version of it that is shown.
async function verify(verdict, subtype) {
  const { field: id, version, answered } = field().dataset;
  if (!document.getElementById("verify")) return say("The case is signed; nothing was changed.", true);
  if (verdict === "confirmed" && !answered) return say("This field has no answer to confirm.", true);
  saving = true;
  turn.close();
  turn.forget();
  say("");
  let now;
  try {
    const json = { seen: Number(version), verdict, subtype, comment: comment().value };
    now = await ask("POST", `/fields/${id}/verifications`, { json });
  } catch (error) {
    if (error.status === 409) await choose(current());
    else turn.open(drawn);
    saving = false;
    return say(`Not saved: ${error.message}`, true);
  }
  sawVersion(id, now.version);
  comment().value = "";
  const link = links[current()];
  link.dataset.verdict = now.verdict;
  const button = panel.querySelector(`[data-subtype="${now.verified_subtype}"]`);
  const word = verdict === "corrected" ? `corrected: ${button.lastChild.textContent.trim()}` : verdict;
  link.querySelector(".verdict").textContent = word;
  const next = nextOpen();
  const problem = await choose(next ?? current());
  saving = false;
  const rest = next === undefined ? "Every field here has a verdict." : problem;
  say(`${now.name}: ${now.verdict}. ${rest}`.trim(), Boolean(problem));
  count().catch((error) => say(error.message, true));
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
const MOVES = {
  j: () => choose(target + 1),
  k: () => choose(target - 1),
  n: () => choose(nextOpen()),
};
// They mean the field on the screen.
const WORDS = {
  c: () => verify("confirmed"),
  u: () => verify("unusable"),
  m: () => comment()?.focus(),
  s: () => document.getElementById("sign")?.click(),
};
for (const number of [1, 2, 3, 4]) {
  WORDS[number] = () => verify("corrected", panel.querySelectorAll("[data-subtype]")[number - 1]?.dataset.subtype);
}
const TOOLS = {
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
  if (!keysOn.checked || !viewer) return;
  const { key, repeat } = event;
  const act = WORDS[key] ?? MOVES[key] ?? TOOLS[key];
  if (!act) return;
  event.preventDefault();
  // A key that is held down says nothing of the fields that come by.
  const isEarly = key in WORDS ? repeat || !turn.isOpen : key in MOVES && saving;
  if (isEarly) refuse(key);
  else act();
});

panel?.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  // The second half of a double click was not meant for the field that came after the first.
  if (!turn.isOpen || event.detail > 1) return refuse("a click");
  if (button.dataset.verdict) verify(button.dataset.verdict, button.dataset.subtype);
  if (button.id === "retry") {
    turn.close();
    try {
      await ask("POST", `/fields/${field().dataset.field}/retry`);
      await choose(current());
    } catch (error) {
      turn.open(drawn);
      say(error.message, true);
    }
  }
});
panel?.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("fields")?.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (saving) refuse("a click");
  else choose(links.indexOf(link));
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
  const { version } = root.dataset;
  const json = { seen: Number(version), shown: seen, conclusion: button.dataset.conclusion, comment };
  try {
    await ask("POST", `/cases/${root.dataset.case}/signatures`, { json });
    location.reload();
  } catch (error) {
    document.getElementById("signing-problem").textContent = error.message;
    document.getElementById("signing-again").hidden = error.status !== 409;
    document.getElementById("signing-changes").replaceChildren(...error.changes.map(changeLink));
  }
});
function changeLink({ field_id, field_name, cell_id }) {
  const [item, link] = [document.createElement("li"), document.createElement("a")];
  link.href = `${base}/cases/${root.dataset.case}?field=${field_id}${cell_id ? `&cell=${cell_id}` : ""}`;
  link.textContent = cell_id ? `a cell of ${field_name}` : field_name;
  item.append(link);
  return item;
}
document.getElementById("signing-again").addEventListener("click", () => location.reload());
for (const button of document.querySelectorAll("[data-deliver]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await ask("POST", `/cases/${root.dataset.case}/signatures/${button.dataset.deliver}/delivery`);
      location.reload();
    } catch (error) {
      button.disabled = false;
      say(error.message, true);
    }
  });
}
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
  target = current();
  turn.close();
  shown();
  turn.open(drawn);
});
