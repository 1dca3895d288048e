// Files on their way to a case: a few at a time, each told by name when it is broken.
import { ask, base } from "./asked.js";

const AT_ONCE = 4;
const LOOK = 3000; // milliseconds
const AT_A_LOOK = 10;
const AWAY = 503; // the database does not answer, the disk is full, or the program stops
const PAUSE = 3000; // milliseconds until a file is sent again

export class Uploads {
  constructor(caseId) {
    this.caseId = caseId;
    this.queue = [];
    this.running = 0;
    this.sent = this.again = this.refused = 0;
    this.held = 0; // files that wait until the page can store them again
    this.why = "";
    this.total = 0;
    this.waiting = new Map(); // the fields that the backbones have not read, by id
    this.settled = new Map(); // what came of those that were read, by id
    this.box = document.getElementById("uploads");
    this.listen();
  }

  listen() {
    const events = new EventSource(`${base}/api/v1/cases/${this.caseId}/events`);
    events.addEventListener("field", (event) => {
      const field = JSON.parse(event.data);
      this.settle(field.field, field.name, field.state, field.message);
    });
    setInterval(() => this.look(), LOOK);
  }

  settle(id, name, state, message) {
    if (this.settled.get(id) === state) return; // told already: by its event, or by a look
    this.settled.set(id, state);
    this.waiting.delete(id);
    if (state === "failed") this.problem(name, message);
    this.say();
  }

  // An event is missed before the stream is open, and while it is broken.
  async look() {
    for (const id of [...this.waiting.keys()].slice(0, AT_A_LOOK)) {
      try {
        const field = await ask("GET", `/fields/${id}`);
        if (field.state !== "waiting" && this.waiting.has(id)) {
          this.settle(id, field.name, field.state, field.error?.message);
        }
      } catch (error) {
        if (error.status === 404) this.waiting.delete(id); // deleted in the meantime
        else return;
      }
    }
  }

  add(files) {
    for (const file of files) if (!file.name.startsWith(".")) this.queue.push(file);
    this.total += files.length;
    this.say();
    while (this.running < AT_ONCE && this.queue.length) this.next();
  }

  async next() {
    this.running += 1;
    while (this.queue.length) await this.send(this.queue.shift());
    this.running -= 1;
    this.say();
  }

  // A ZIP archive is one request, and its answer tells of each file in it.
  async sendArchive(file) {
    const members = await ask("POST", `/cases/${this.caseId}/archives`, { file });
    this.total += members.length - 1;
    for (const { name, field, error } of members) {
      if (field) this.count(field);
      else {
        this.refused += 1;
        this.problem(name, error.message);
      }
    }
  }

  count(field) {
    if (field.new) this.sent += 1;
    else this.again += 1;
    if (field.state === "waiting" && !this.settled.has(field.id)) this.waiting.set(field.id, field);
  }

  async send(file) {
    try {
      await this.patiently(() => (/\.zip$/i.test(file.name) ? this.sendArchive(file) : this.sendField(file)));
    } catch (error) {
      this.refused += 1;
      this.problem(file.name, error.message);
    }
    this.say();
  }

  async sendField(file) {
    const path = `/cases/${this.caseId}/fields?name=${encodeURIComponent(file.name)}`;
    this.count(await ask("POST", path, { file }));
  }

  // While the database is away or the disk full, a file is sent again and again: one that is here already is not
  // taken twice.
  async patiently(act) {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (error.status !== AWAY) throw error;
        [this.why] = error.message.split(","); // what it is; what to do about it comes after
      }
      this.held += 1;
      this.say();
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      this.held -= 1;
    }
  }

  problem(name, message) {
    const line = document.createElement("li");
    line.textContent = `${name}: ${message}`;
    document.getElementById("problems").append(line);
    this.box.hidden = false;
  }

  say() {
    const done = this.sent + this.again + this.refused;
    const parts = [`${this.sent + this.again} of ${this.total} files uploaded`];
    if (this.again) parts.push(`${this.again} were here already`);
    if (this.refused) parts.push(`${this.refused} refused`);
    if (this.waiting.size) parts.push(`${this.waiting.size} being read`);
    if (this.held) parts.push(`${this.why}, and the upload goes on when that is over`);
    if (this.total || this.settled.size) this.box.hidden = false;
    document.getElementById("uploaded").textContent = this.total ? parts.join(", ") + "." : "New answers came in.";
    const progress = document.getElementById("progress");
    progress.max = Math.max(1, 2 * this.total);
    progress.value = 2 * done - this.waiting.size;
    document.getElementById("reload").hidden = done < this.total;
  }
}

// All files of what was dropped, folders with everything in them.
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files];
  const files = [];
  for (const entry of entries) await walk(entry, files);
  return files;
}

async function walk(entry, files) {
  if (entry.isFile) {
    files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return;
    for (const inside of some) await walk(inside, files);
  }
}
