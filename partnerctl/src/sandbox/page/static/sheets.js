// What slides over a phone's screen: confirmations, menus, alerts. One at a time; Escape closes it.

import { el } from "./dom.js";

export class Sheets {
  constructor(screen) {
    this.screen = screen;
    this.open = null;
  }

  /** Shows `content` with buttons `{ text, kind?, run?, href? }`; resolves when it is closed. */
  show({ title, content, buttons, kind = "sheet" }) {
    this.close();
    const before = document.activeElement;
    return new Promise((resolve) => {
      const box = el("div", { class: `sheet ${kind}`, role: "dialog", "aria-modal": "true", "aria-label": title });
      box.append(el("h3", {}, title), ...[content].flat().filter(Boolean));
      box.append(el("div", { class: "sheet-buttons" }, buttons.map((button) => this.button(button))));
      const shade = el("div", { class: `shade ${kind}-shade` }, box);
      shade.addEventListener("click", (event) => event.target === shade && this.close());
      shade.addEventListener("keydown", (event) => this.keys(event, box));
      this.screen.append(shade);
      this.open = { shade, done: () => (before?.isConnected && before.focus({ preventScroll: true }), resolve()) };
      (box.querySelector("[data-first]") ?? box.querySelector("button, a, input"))?.focus({ preventScroll: true });
    });
  }

  button({ text, kind = "", run, href }) {
    const first = kind.includes("main") ? { first: "" } : {};
    const act = () => {
      this.close();
      run?.();
    };
    if (href) return el("a", { class: `sheet-button ${kind}`, href, target: "_blank", rel: "noopener noreferrer", data: first, onclick: act }, text);
    return el("button", { class: `sheet-button ${kind}`, type: "button", data: first, onclick: act }, text);
  }

  keys(event, box) {
    if (event.key === "Escape") {
      event.stopPropagation();
      return this.close();
    }
    if (event.key !== "Tab") return undefined;
    const items = [...box.querySelectorAll("button, a, input, textarea")];
    const edge = event.shiftKey ? items[0] : items.at(-1);
    if (document.activeElement !== edge) return undefined;
    event.preventDefault();
    return (event.shiftKey ? items.at(-1) : items[0]).focus();
  }

  close() {
    const open = this.open;
    this.open = null;
    if (!open) return;
    open.shade.remove();
    open.done();
  }
}
