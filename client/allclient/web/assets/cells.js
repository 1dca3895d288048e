// The gallery: say what a cell is by key, or by dragging it to its class.
import { ask } from "./asked.js";

const said = document.getElementById("said");
const classes = [...document.querySelectorAll(".classes a")];
const cells = [...document.querySelectorAll(".cells [data-cell]")];
const shownClass = classes.find((link) => link.getAttribute("aria-current"));

const problems = new Map(); // what was not saved, by cell, until it is

function say(text) {
  said.textContent = [text, ...problems.values()].join(" ");
  said.classList.toggle("problem", problems.size > 0);
}

function refuse(link, why) {
  problems.set(link, `${link.querySelector("img").alt} was not saved: ${why}`);
  link.classList.add("refused");
  say("");
}

function count(subtype, more) {
  const badge = document.querySelector(`[data-count="${subtype}"]`);
  badge.textContent = Number(badge.textContent) + more;
}

// A class is taken only for a cell that is on the screen, and one at a time.
function notNow(link) {
  if (link.dataset.saving) return "the class before is still being saved; say it again.";
  return link.querySelector("img").naturalWidth ? "" : "its picture is not shown yet.";
}

async function correct(link, target) {
  const reason = notNow(link);
  if (reason) {
    refuse(link, reason);
    return;
  }
  link.dataset.saving = "yes";
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
    problems.delete(link);
    link.classList.remove("refused");
    say(`${link.querySelector("img").alt}: ${target.dataset.word}.`);
  } catch (error) {
    refuse(link, `${error.message}.${error.status === 409 ? " Load the page again to see it." : ""}`);
  } finally {
    delete link.dataset.saving;
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
  if (event.repeat) {
    refuse(cells[at], "a key that is held down says nothing of it.");
    return;
  }
  const stays = notNow(cells[at]);
  correct(cells[at], target);
  if (!stays) cells[at + 1]?.focus();
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
