// One phone: a private chat of one person with the bot, as Telegram shows it.

import { coalesce, get, post } from "./api.js";
import { bubbleRow, dateRow, typingRow } from "./bubble.js";
import { Composer } from "./composer.js";
import { avatar, clockTime, dayName, el, fullName, icon, safeUrl } from "./dom.js";
import { phoneText } from "./media.js";
import { Sheets } from "./sheets.js";

const TOAST_MS = 3500;
const ANSWER_MS = 30_000;
const TYPING_MS = 5_000;
const NEAR_BOTTOM = 90;
/** A scroll this soon after a wheel, a finger or a key is a person's. */
const HAND_MS = 600;

export class Phone {
  /** `section` is an empty element; `starts` answers the funnels' start words, `phoneOf` a person's number. */
  constructor(section, { starts, phoneOf, now }) {
    Object.assign(this, { section, starts, phoneOf, now, moved: 0 });
    this.rows = new Map();
    this.presses = new Map();
    this.early = [];
    this.refresh = coalesce(() => this.load());
    this.actions = {
      openUrl: (address) => this.openUrl(address),
      command: (text) => this.act(() => this.send(text)),
      copy: (text) => navigator.clipboard?.writeText(text).then(() => this.toast("Скопировано"), () => {}),
    };
    this.build();
  }

  build() {
    this.time = el("span", { class: "status-time" });
    this.title = el("b", {});
    this.subtitle = el("small", {});
    this.face = el("span", { class: "face" });
    const more = el("button", { class: "round", type: "button", "aria-label": "Ещё", onclick: () => this.moreMenu() }, icon("more"));
    this.list = el("ol", { class: "messages", role: "log", "aria-live": "polite", "aria-label": "Сообщения" });
    this.scroller = el("div", { class: "scroller", tabindex: "0", "aria-label": "Переписка" }, this.list);
    this.down = el("button", { class: "round down", type: "button", "aria-label": "Вниз", hidden: true, onclick: () => this.toBottom(true) }, icon("down"));
    this.toasts = el("div", { class: "toasts", role: "status" });
    this.composer = new Composer(this);
    this.screen = el("div", { class: "screen" },
      el("div", { class: "status-bar", "aria-hidden": "true" }, this.time, el("span", { class: "island" }), el("span", { class: "status-icons" }, icon("signal"), icon("wifi"), icon("battery"))),
      el("header", { class: "chat-head" }, this.face, el("span", { class: "chat-title" }, this.title, this.subtitle), more),
      el("div", { class: "chat-body" }, this.scroller, this.down, this.toasts),
      this.composer.node);
    this.sheets = new Sheets(this.screen);
    this.section.append(el("div", { class: "device" }, this.screen));
    this.scroller.addEventListener("pointerdown", () => this.composer.closeCommands());
    this.scroller.addEventListener("scroll", () => this.markBottom(), { passive: true });
    for (const name of ["wheel", "touchmove", "keydown", "pointerdown"]) this.scroller.addEventListener(name, () => (this.moved = Date.now()), { passive: true });
    const sizes = new ResizeObserver(() => this.stuck && this.toBottom(false));
    sizes.observe(this.scroller);
    sizes.observe(this.list);
  }

  /** Shows the chat of `user` with `bot`. */
  set(bot, user) {
    const same = this.bot?.id === bot.id && this.user?.id === user.id;
    this.bot = bot;
    this.user = user;
    this.title.replaceChildren(el("bdi", {}, bot.first_name));
    this.face.replaceChildren(avatar(bot.id, bot.first_name));
    if (same) return;
    this.rows.clear();
    this.list.replaceChildren();
    this.sheets.close();
    this.chat = null;
    this.composer.reset();
    this.stuck = true;
    this.refresh();
  }

  get where() {
    return { bot: this.bot.id, user: this.user.id };
  }

  async load() {
    if (!this.user) return;
    const asked = this.user.id;
    const chat = await get(`/control/chat?bot=${this.bot.id}&user=${asked}`);
    if (asked !== this.user.id) return;
    const first = this.chat === null;
    this.chat = chat;
    this.render(first);
  }

  render(first) {
    const { chat } = this;
    const seen = chat.messages.filter((message) => !message.deleted);
    const last = seen.at(-1);
    const grew = last && !this.rows.has(last.message_id);
    this.draw(seen);
    this.typing(chat.action);
    this.composer.render(chat);
    this.subtitle.textContent = chat.action ? "печатает…" : chat.blocked ? "заблокирован вами" : "бот";
    this.list.classList.toggle("quiet", first);
    if (first || this.stuck || (grew && !last.out)) this.toBottom(false);
    else if (grew) this.down.classList.add("fresh");
  }

  /** Keeps the rows that did not change, so that scrolling, spoilers and focus survive. */
  draw(messages) {
    const wanted = [];
    let day = null;
    for (const message of messages) {
      const label = dayName(message.date * 1000);
      if (label !== day) wanted.push(this.row(`day:${label}`, label, () => dateRow(label)));
      day = label;
      wanted.push(this.row(message.message_id, JSON.stringify(message), () => bubbleRow(message, this)));
    }
    if (!messages.length) wanted.push(this.row("intro", JSON.stringify(this.starts()), () => this.intro()));
    const keep = new Set(wanted);
    for (const [key, row] of this.rows) if (!keep.has(row.node)) this.rows.delete(key);
    [...this.list.children].filter((node) => !keep.has(node)).forEach((node) => node.remove());
    wanted.forEach((node, at) => this.list.children[at] !== node && this.list.insertBefore(node, this.list.children[at] ?? null));
    this.group(wanted);
  }

  row(key, print, make) {
    const old = this.rows.get(key);
    if (old?.print === print) return old.node;
    const node = make();
    if (old) node.classList.add("replaced");
    this.rows.set(key, { print, node });
    return node;
  }

  /** Neighbours of one side stand closer; only the last of them has a tail. */
  group(nodes) {
    nodes.forEach((node, at) => {
      const tail = node.dataset.side && nodes[at + 1]?.dataset.side !== node.dataset.side;
      node.classList.toggle("tail", Boolean(tail));
    });
  }

  typing(action) {
    clearTimeout(this.typingTimer);
    this.list.querySelector(".typing")?.remove();
    if (!action) return;
    this.list.append(typingRow());
    this.typingTimer = setTimeout(() => this.refresh(), TYPING_MS);
  }

  intro() {
    const words = this.starts();
    const open = (payload) => this.act(() => this.start(payload));
    const hint = words.length ? "Нажмите «Начать» или откройте бота по ссылке из рекламы:" : this.chat.started ? "Здесь пока пусто." : "Здесь пока пусто. Нажмите «Начать».";
    const chip = (label, payload) => el("button", { class: "chip", type: "button", onclick: () => open(payload) }, label);
    const links = words.map((word) => chip(el("span", {}, el("b", {}, word.payload), word.title && el("small", {}, word.title)), word.payload));
    return el("li", { class: "intro" },
      el("div", { class: "intro-card" }, avatar(this.bot.id, this.bot.first_name), el("b", {}, el("bdi", {}, this.bot.first_name)), el("p", {}, hint)),
      words.length > 0 && el("div", { class: "chips" }, links));
  }

  // ---- what the person does -------------------------------------------------

  /** Runs an action and shows a failure on the phone. */
  async act(work) {
    try {
      this.stuck = true;
      await work();
    } catch (error) {
      this.toast(error.message);
    }
    this.refresh();
  }

  send(text) {
    return post("/control/send", { ...this.where, text });
  }

  start(payload) {
    return post("/control/start", payload ? { ...this.where, payload } : this.where);
  }

  block(blocked) {
    return this.act(() => post("/control/block", { ...this.where, blocked }));
  }

  /** Presses an inline button; resolves when the bot answered, or gave up waiting. */
  async press(messageId, row, column) {
    try {
      const { callback_query_id: id } = await post("/control/press", { ...this.where, message_id: messageId, row, column });
      const early = this.early.findIndex((event) => String(event.callback_query_id) === String(id));
      if (early >= 0) return this.early.splice(early, 1);
      await new Promise((resolve) => {
        this.presses.set(String(id), resolve);
        setTimeout(resolve, ANSWER_MS);
      });
      this.presses.delete(String(id));
    } catch (error) {
      this.toast(error.message);
    }
    return undefined;
  }

  /** The bot answered a press: the spinner stops, its words are shown. */
  answered(event) {
    const waiting = this.presses.get(String(event.callback_query_id));
    if (waiting) waiting();
    else this.early = [...this.early.slice(-20), event];
    if (event.url) this.openUrl(event.url);
    if (!event.text) return;
    if (event.show_alert) this.sheets.show({ title: this.bot.first_name, kind: "alert", content: el("p", { dir: "auto" }, event.text), buttons: [{ text: "OK", kind: "main" }] });
    else this.toast(event.text);
  }

  shareContact() {
    const number = this.phoneOf(this.user.id);
    const shown = number ? [": ", el("b", { class: "nowrap" }, phoneText(number))] : [];
    const content = el("p", {}, "Бот ", el("b", {}, el("bdi", {}, this.bot.first_name)), " увидит ваш номер", ...shown, ".");
    const share = () => this.act(() => post("/control/contact", this.where).then(() => this.composer.used()));
    return this.sheets.show({ title: "Поделиться номером телефона?", content, buttons: [{ text: "Отмена" }, { text: "Поделиться", kind: "main", run: share }] });
  }

  openUrl(address) {
    const url = safeUrl(address);
    if (!url) return this.toast("Странный адрес: " + address);
    const payload = this.deepLink(url);
    if (payload !== null) return this.sheets.show({ title: "Открыть бота по ссылке?", content: el("p", { class: "address" }, url.href), buttons: [{ text: "Отмена" }, { text: "Открыть", kind: "main", run: () => this.act(() => this.start(payload)) }] });
    if (url.protocol === "tg:" || url.hostname === "t.me") {
      return this.sheets.show({ title: "Чат в Telegram", content: [el("p", {}, "В настоящем Telegram здесь откроется переписка."), el("p", { class: "address" }, url.href)], buttons: [{ text: "Понятно", kind: "main" }] });
    }
    return this.sheets.show({ title: "Открыть ссылку?", content: el("p", { class: "address" }, url.href), buttons: [{ text: "Отмена" }, { text: "Открыть", kind: "main", href: url.href }] });
  }

  /** The start payload when the address is a link to this very bot, else null. */
  deepLink(url) {
    const own = url.hostname === "t.me" && url.pathname.slice(1).toLowerCase() === this.bot.username.toLowerCase();
    return own ? (url.searchParams.get("start") ?? "") : null;
  }

  moreMenu() {
    if (!this.chat) return;
    const { blocked } = this.chat;
    const items = [
      { text: "Открыть по ссылке…", run: () => this.linkSheet() },
      { text: blocked ? "Разблокировать бота" : "Заблокировать бота", kind: blocked ? "" : "danger", run: () => this.block(!blocked) },
      { text: "Отмена", kind: "cancel" },
    ];
    this.sheets.show({ title: fullName(this.user), kind: "menu", buttons: items });
  }

  /** A deep link typed by hand or taken from the funnels' start words. */
  linkSheet() {
    const field = el("input", { class: "field", placeholder: "слово после ?start=", maxlength: "64", "aria-label": "Слово ссылки", autocomplete: "off", spellcheck: "false" });
    const open = (payload) => this.act(() => this.start(payload));
    const chips = this.starts().map((word) => el("button", { class: "chip", type: "button", onclick: () => (this.sheets.close(), open(word.payload)) }, word.payload));
    const run = () => open(field.value.trim());
    field.addEventListener("keydown", (event) => event.key === "Enter" && (this.sheets.close(), run()));
    this.sheets.show({ title: `t.me/${this.bot.username}?start=`, content: [el("div", { class: "chips" }, chips), field], buttons: [{ text: "Отмена" }, { text: "Открыть", kind: "main", run }] });
  }

  attachMenu() {
    const send = (path, body = {}) => () => this.act(() => post(`/control/${path}`, { ...this.where, ...body }));
    const stranger = { phone: "+77010000099", contact_user_id: 999000111, forwarded: true };
    this.sheets.show({ title: "Отправить", kind: "menu", buttons: [
      { text: "Фото", run: send("photo") },
      { text: "Стикер", run: send("sticker") },
      { text: "Свой номер", run: () => this.shareContact() },
      { text: "Чужой контакт", run: send("contact", stranger) },
      { text: "Отмена", kind: "cancel" },
    ] });
  }

  // ---- small things -----------------------------------------------------------

  toast(text) {
    const node = el("div", { class: "toast", dir: "auto" }, text);
    this.toasts.replaceChildren(node);
    setTimeout(() => node.remove(), TOAST_MS);
  }

  tick() {
    this.time.textContent = clockTime(this.now());
  }

  /** The chat follows its end until a person, not a picture or a keyboard, moves it away. */
  markBottom() {
    const left = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight;
    const byHand = Date.now() - this.moved < HAND_MS;
    if (left < NEAR_BOTTOM) this.stuck = true;
    else if (byHand) this.stuck = false;
    this.down.hidden = this.stuck;
    if (this.stuck) this.down.classList.remove("fresh");
  }

  toBottom(smooth) {
    const behavior = smooth && !matchMedia("(prefers-reduced-motion: reduce)").matches ? "smooth" : "instant";
    this.stuck = true;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior });
  }
}
