// Requests to our own HTTP interface, with the token that shows that this page sends them.
const page = document.documentElement.dataset;

export const base = page.base;

export class Refused extends Error {
  constructor(status, message, changes = []) {
    super(message);
    this.status = status;
    this.changes = changes; // what the person who signs had not seen
  }
}

const AWAY = "the program does not answer; is it still running?";
const OUT = "you are not logged in any more; copy what you wrote, log in, and load this page again";

export async function ask(method, path, { json, file, signal } = {}) {
  const headers = { "X-CSRF-Token": page.csrf, Accept: "application/json" };
  if (json) headers["Content-Type"] = "application/json";
  if (file) headers["Content-Type"] = "application/octet-stream";
  const body = json ? JSON.stringify(json) : file;
  let answer;
  try {
    answer = await fetch(`${base}/api/v1${path}`, { method, headers, body, signal });
  } catch (error) {
    throw new Refused(0, AWAY);
  }
  if (answer.status === 204) return null;
  if (answer.status === 401) throw new Refused(401, OUT);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    throw new Refused(answer.status, said.error?.message ?? `error ${answer.status}`, said.error?.changes);
  }
  return said;
}

export async function piece(path) {
  let answer;
  try {
    answer = await fetch(`${base}${path}`, { headers: { Accept: "text/html" } });
  } catch (error) {
    throw new Refused(0, AWAY);
  }
  if (answer.redirected) throw new Refused(401, OUT); // to the page where people log in
  const html = await answer.text();
  if (!answer.ok) {
    const told = new DOMParser().parseFromString(html, "text/html").querySelector("[role=alert]");
    throw new Refused(answer.status, told?.textContent ?? `this cannot be shown (${answer.status})`);
  }
  return html;
}
