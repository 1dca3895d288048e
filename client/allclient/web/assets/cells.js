// The gallery: say what a cell is by key, or by dragging it to its class.
import { ask } from "./asked.js";

const said = document.getElementById("said");
const classes = [...document.querySelectorAll(".classes a")];
const cells = [...document.querySelectorAll(".cells a")];
const shownClass = classes.find((link) => link.getAttribute("aria-current"));

function say(text, problem = false) {
  said.textContent = text;
  said.classList.toggle("problem", problem);
}

function count(subtype, more) {
  const badge = document.querySelector(`[data-count="${subtype}"]`);
  badge.textContent = Number(badge.textContent) + more;
}

async function correct(link, target) {
  const subtype = target.dataset.subtype;
  const before = link.dataset.now ?? shownClass.dataset.subtype;
  try {
    const json = { seen: Number(link.dataset.version), subtype };
    const cell = await ask("POST", `/cells/${link.dataset.cell}/corrections`, { json });
    link.dataset.version = cell.version;
    link.dataset.now = subtype;
    link.classList.toggle("moved", subtype !== shownClass.dataset.subtype);
    count(before, -1);
    count(subtype, 1);
    say(`${link.querySelector("img").alt}: ${target.dataset.word}.`);
  } catch (error) {
    say(`Not saved: ${error.message}`, true);
  }
}

// How many cells stand in one row, to move up and down.
function perRow() {
  const top = cells[0].getBoundingClientRect().top;
  const next = cells.findIndex((cell) => cell.getBoundingClientRect().top > top + 4);
  return next < 0 ? cells.length : next;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !cells.length) return;
  const at = cells.indexOf(document.activeElement);
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: perRow(), ArrowUp: -perRow() };
  if (event.key in steps) {
    const to = at < 0 ? 0 : at + steps[event.key];
    if (cells[to]) {
      event.preventDefault();
      cells[to].focus();
    }
    return;
  }
  const target = classes[Number(event.key) - 1];
  if (!target || at < 0 || localStorage.getItem("keys") === "off") return;
  event.preventDefault();
  correct(cells[at], target);
  cells[at + 1]?.focus();
});

for (const cell of cells) {
  cell.addEventListener("dragstart", (event) => event.dataTransfer.setData("text/plain", cell.dataset.cell));
}
for (const link of classes) {
  link.addEventListener("dragover", (event) => {
    event.preventDefault();
    link.classList.add("over");
  });
  link.addEventListener("dragleave", () => link.classList.remove("over"));
  link.addEventListener("drop", (event) => {
    event.preventDefault();
    link.classList.remove("over");
    const id = event.dataTransfer.getData("text/plain");
    const cell = cells.find((one) => one.dataset.cell === id);
    if (cell) correct(cell, link);
  });
}
document.getElementById("gallery").dataset.ready = "yes";
