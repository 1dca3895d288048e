// A verdict is taken only for the field that is on the screen, with its picture. A key that comes
// sooner was meant for something else: it is refused, and the page names it.

const SEEN = 200; // milliseconds that a field is shown before it takes a verdict: nobody reads faster

export class Turn {
  constructor(root, panel) {
    this.root = root;
    this.panel = panel;
    this.number = 0;
    this.early = new Map(); // what was refused since the last verdict, and how often
  }

  get isOpen() {
    return this.root.dataset.turn === "open";
  }

  // Another field comes on the screen, or a verdict is on its way.
  close() {
    this.number += 1;
    this.wasInside ||= this.panel.contains(document.activeElement);
    this.root.dataset.turn = "closed";
    this.allow(false);
  }

  allow(allowed) {
    this.panel.setAttribute("aria-busy", String(!allowed));
    for (const inputs of this.panel.querySelectorAll("fieldset")) inputs.disabled = !allowed;
  }

  // Once the picture is drawn and was seen, unless another field was asked for in the meantime.
  async open(drawn) {
    const { number } = this;
    await drawn;
    await new Promise((resolve) => setTimeout(resolve, SEEN));
    if (number !== this.number) return;
    this.allow(true);
    this.root.dataset.turn = "open";
    if (this.wasInside && document.activeElement === document.body) this.panel.focus({ preventScroll: true });
    this.wasInside = false;
  }

  refuse(what) {
    this.early.set(what, (this.early.get(what) ?? 0) + 1);
  }

  forget() {
    this.early.clear();
  }

  get refused() {
    if (!this.early.size) return "";
    const names = [...this.early].map(([what, times]) => (times > 1 ? `${what} (${times} times)` : what));
    return `Not used, as it came before the field was on the screen: ${names.join(", ")}.`;
  }
}
