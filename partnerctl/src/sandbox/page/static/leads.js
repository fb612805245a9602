// The people who talk to the bot: switch between them, or add one.

import { post } from "./api.js";
import { arrowKeys, avatar, el, fullName, icon } from "./dom.js";

const LANGUAGES = [
  ["any", "любой"],
  ["ru", "русский"],
  ["kk", "казахский"],
  ["en", "английский"],
];
const SHORT = { ru: "рус", kk: "қаз", en: "eng" };

export class Leads {
  constructor(node, { choose, report }) {
    Object.assign(this, { node, choose, report, users: [], fresh: new Set() });
    this.list = el("div", { class: "lead-list", role: "group", "aria-label": "Лиды" });
    node.append(this.list, el("button", { class: "button primary", type: "button", id: "new-lead", onclick: () => this.ask() }, icon("plus"), "Новый лид"));
    arrowKeys(this.list, "button");
    document.body.append((this.dialog = this.buildDialog()));
  }

  render(users, selected) {
    this.users = users;
    this.selected = selected;
    this.fresh.delete(selected);
    const print = JSON.stringify([users, selected, [...this.fresh]]);
    if (print === this.print) return;
    this.print = print;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.user : null;
    this.list.replaceChildren(...users.map((user) => this.chip(user)));
    if (focused) this.list.querySelector(`[data-user="${focused}"]`)?.focus();
  }

  chip(user) {
    const on = user.id === this.selected;
    return el("button", { class: `lead-chip${on ? " on" : ""}`, type: "button", "aria-pressed": String(on), data: { user: user.id }, onclick: () => this.choose(user.id) },
      avatar(user.id, fullName(user)),
      el("span", {}, el("bdi", {}, fullName(user)), el("small", {}, SHORT[user.language_code] ?? user.language_code ?? "")),
      this.fresh.has(user.id) && el("i", { class: "dot", "aria-label": "новое сообщение" }));
  }

  /** Something new came to a lead who is not on the screen. */
  mark(user) {
    if (user === this.selected || !this.users.some((one) => one.id === user)) return;
    this.fresh.add(user);
    this.render(this.users, this.selected);
  }

  buildDialog() {
    const name = el("input", { class: "field", name: "name", placeholder: "случайное имя", maxlength: "64", autocomplete: "off", "aria-label": "Имя" });
    const radios = LANGUAGES.map(([value, label], at) => el("label", { class: "choice" }, el("input", { type: "radio", name: "language", value, checked: at === 0 }), el("span", {}, label)));
    const form = el("form", { method: "dialog" },
      el("h2", {}, "Новый лид"),
      el("label", { class: "labelled" }, "Имя", name),
      el("fieldset", {}, el("legend", {}, "Язык Telegram"), el("div", { class: "choices" }, radios)),
      el("div", { class: "dialog-buttons" }, el("button", { class: "button", value: "cancel", formnovalidate: true }, "Отмена"), el("button", { class: "button primary", value: "ok", id: "new-lead-ok" }, "Добавить")));
    const dialog = el("dialog", { class: "dialog", "aria-label": "Новый лид" }, form);
    dialog.addEventListener("close", () => dialog.returnValue === "ok" && this.add(name.value.trim(), new FormData(form).get("language")));
    form.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== name) return;
      event.preventDefault();
      dialog.close("ok");
    });
    return dialog;
  }

  ask() {
    this.dialog.querySelector("input").value = "";
    this.dialog.returnValue = "";
    this.dialog.showModal();
  }

  async add(name, language) {
    const body = {};
    if (name) [body.first_name, body.last_name] = [name.split(" ")[0], name.split(" ").slice(1).join(" ") || undefined];
    if (language !== "any") body.language_code = language;
    try {
      const { user } = await post("/demo/new-lead", body);
      this.choose(user.id);
    } catch (error) {
      this.report(error);
    }
  }
}
