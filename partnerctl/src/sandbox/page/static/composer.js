// The bottom of a phone: START, the input with its menu and keyboard, or "unblock".

import { arrowKeys, el, icon } from "./dom.js";
import { replyKeyboard } from "./keyboards.js";

export class Composer {
  constructor(phone) {
    this.phone = phone;
    this.bar = el("div", { class: "composer-bar" });
    this.popup = el("div", { class: "commands", role: "menu", hidden: true });
    this.keys = el("div", { class: "keys-panel", hidden: true });
    this.node = el("footer", { class: "composer" }, this.popup, this.bar, this.keys);
    this.buildInput();
    arrowKeys(this.popup, "button");
    this.node.addEventListener("keydown", (event) => event.key === "Escape" && this.closeCommands());
    this.reset();
  }

  reset() {
    Object.assign(this, { mode: null, keyboard: null, keysPrint: null, keysShown: false, lastSent: "" });
    this.input.value = "";
    this.grow();
    this.closeCommands();
    this.keys.hidden = true;
  }

  buildInput() {
    this.input = el("textarea", { class: "input", rows: "1", placeholder: "Сообщение", "aria-label": "Сообщение", oninput: () => this.typed(), onkeydown: (event) => this.key(event) });
    this.menu = el("button", { class: "menu-button", type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => this.toggleCommands() }, icon("menu"), "Меню");
    this.attach = el("button", { class: "round", type: "button", "aria-label": "Прикрепить", onclick: () => this.phone.attachMenu() }, icon("clip"));
    this.toggle = el("button", { class: "round in-field", type: "button", "aria-label": "Клавиатура бота", onclick: () => this.toggleKeys() }, icon("keyboard"));
    this.submit = el("button", { class: "round send", type: "button", "aria-label": "Отправить", onclick: () => this.sendTyped() }, icon("send"));
    this.field = el("div", { class: "field-box" }, this.input, this.toggle);
  }

  render(chat) {
    const mode = chat.blocked ? "blocked" : chat.started ? "open" : "start";
    this.commands = chat.commands ?? [];
    if (mode !== this.mode) this.switchTo(mode);
    this.menu.hidden = !this.commands.length;
    this.renderKeys(mode === "open" ? chat.reply_keyboard : null);
    if (!this.popup.hidden) this.showCommands(this.filter());
  }

  switchTo(mode) {
    this.mode = mode;
    const { phone } = this;
    if (mode === "blocked") this.bar.replaceChildren(el("button", { class: "wide-button", type: "button", onclick: () => phone.block(false) }, "Разблокировать"));
    else if (mode === "start") this.bar.replaceChildren(el("button", { class: "wide-button", type: "button", onclick: () => phone.act(() => phone.start()) }, "Начать"));
    else this.bar.replaceChildren(this.menu, this.attach, this.field, this.submit);
  }

  // ---- the bot's keyboard -------------------------------------------------------

  renderKeys(markup) {
    const print = markup?.keyboard ? JSON.stringify(markup) : null;
    this.toggle.hidden = print === null;
    if (print === this.keysPrint) return;
    this.keysPrint = print;
    this.keyboard = markup;
    this.input.placeholder = markup?.input_field_placeholder || "Сообщение";
    const { phone } = this;
    const replies = { send: (text) => phone.act(() => phone.send(text)), contact: () => phone.shareContact(), used: () => this.used(), unsupported: () => phone.toast("Такая кнопка работает только в настоящем Telegram") };
    this.keys.replaceChildren(...(print ? [replyKeyboard(markup, replies)] : []));
    this.showKeys(print !== null);
  }

  showKeys(shown) {
    this.keysShown = shown;
    this.keys.hidden = !shown;
    this.toggle.classList.toggle("active", shown);
    this.toggle.setAttribute("aria-pressed", String(shown));
  }

  toggleKeys() {
    this.showKeys(!this.keysShown);
  }

  /** A one-time keyboard folds after it was used. */
  used() {
    if (this.keyboard?.one_time_keyboard) this.showKeys(false);
  }

  // ---- commands -------------------------------------------------------------------

  filter() {
    const typed = this.input.value;
    return this.commands.filter((item) => !typed.startsWith("/") || `/${item.command}`.startsWith(typed));
  }

  toggleCommands() {
    if (!this.popup.hidden) return this.closeCommands();
    this.showCommands(this.commands);
    this.popup.querySelector("button")?.focus();
    return undefined;
  }

  showCommands(items) {
    const rows = items.map((item) => el("button", { class: "command", type: "button", role: "menuitem", onclick: () => this.pick(item) }, el("b", {}, `/${item.command}`), el("span", { dir: "auto" }, item.description)));
    this.popup.replaceChildren(...rows);
    this.popup.hidden = rows.length === 0;
    this.menu.setAttribute("aria-expanded", String(!this.popup.hidden));
  }

  closeCommands() {
    this.popup.hidden = true;
    this.menu.setAttribute("aria-expanded", "false");
  }

  pick(item) {
    this.closeCommands();
    this.input.value = "";
    this.input.focus({ preventScroll: true });
    this.phone.act(() => this.phone.send(`/${item.command}`));
  }

  // ---- typing -----------------------------------------------------------------------

  typed() {
    this.grow();
    if (/^\/\S*$/.test(this.input.value)) this.showCommands(this.filter());
    else this.closeCommands();
  }

  grow() {
    this.input.style.height = "auto";
    if (this.input.scrollHeight) this.input.style.height = `${Math.min(this.input.scrollHeight, 120)}px`;
    this.submit.classList.toggle("ready", this.input.value.trim() !== "");
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.sendTyped();
    } else if (event.key === "ArrowUp" && this.input.value === "" && this.lastSent) {
      event.preventDefault();
      this.input.value = this.lastSent;
      this.typed();
    }
  }

  sendTyped() {
    const text = this.input.value.trim();
    if (!text) return this.input.focus();
    this.lastSent = text;
    this.input.value = "";
    this.typed();
    return this.phone.act(() => this.phone.send(text));
  }
}
