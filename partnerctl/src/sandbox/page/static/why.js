// The log strip: what happened, what was sent or held, and why.

import { every, get } from "./api.js";
import { clockTime, dayName, el, fullName, icon } from "./dom.js";
import { endingWords } from "./operator.js";

const STATES = { due: "ждёт", sending: "отправляется", sent: "отправлено", failed: "не вышло", unknown: "неизвестно", dropped: "не отправлено", held: "придержано" };
const KINDS = { send: ["out", "сообщение"], event: ["event", "событие"], fault: ["bolt", "помеха"], process: ["restart", "процесс"] };
const OPEN = ["due", "sending", "held"];
const KEPT = 400;
const POLL_MS = 1500;

export class Why {
  /** `users` answers all people, the partner among them; `partner` the partner's id. */
  constructor(node, { users, partner }) {
    Object.assign(this, { users, partner, items: new Map(), notes: [], chats: new Map(), next: 0, user: null, onlyLead: true });
    const tab = (all, label) => el("button", { type: "button", class: "segment", "aria-pressed": String(all !== this.onlyLead), onclick: () => this.filter(!all) }, label);
    this.tabs = [tab(false, "Этот лид"), tab(true, "Все")];
    this.list = el("ol", { class: "why-list", tabindex: "0", "aria-label": "Журнал" });
    node.append(el("div", { class: "why-head" }, el("h2", {}, "Почему"), el("div", { class: "segments", role: "group", "aria-label": "Кого показывать" }, this.tabs)), this.list);
    this.refresh = () => this.load().catch(() => {});
    every(POLL_MS, () => this.load());
    this.draw();
  }

  filter(onlyLead) {
    this.onlyLead = onlyLead;
    this.tabs[0].setAttribute("aria-pressed", String(onlyLead));
    this.tabs[1].setAttribute("aria-pressed", String(!onlyLead));
    this.draw();
  }

  select(user) {
    if (user === this.user) return;
    this.user = user;
    this.draw();
  }

  // ---- what the page itself knows ------------------------------------------------

  /** A fault the sandbox played on the bot belongs to the story too. */
  hear(event) {
    if (event.kind === "fault" && event.method) this.note("fault", event.at, event.user, `Помеха: ${event.fault} на ${event.method}`);
  }

  /** The process behind the bot changed. */
  watch(bot, at) {
    const print = `${bot.state}:${bot.pid}`;
    if (this.process !== undefined && this.process !== print) {
      if (bot.state === "running") this.note("process", at, null, `Бот снова работает, процесс ${bot.pid}`);
      else if (bot.ended && bot.state !== "stopping") this.note("process", at, null, `Бот ${endingWords(bot)}`);
    }
    if (bot.state === "running" || this.process !== undefined) this.process = print;
  }

  note(kind, at, chat, text) {
    this.notes = [{ kind, at, chat, text, id: `n${this.notes.length}` }, ...this.notes].slice(0, KEPT);
    this.draw();
  }

  // ---- the bot's own trail ---------------------------------------------------------

  /** Messages that may still change are read again together with what is new. */
  async load() {
    const open = [...this.items.values()].filter(({ item }) => OPEN.includes(item.state)).map(({ item }) => item.at);
    const { items, next } = await get(`/demo/trail?after=${Math.max(0, Math.min(this.next, ...open))}`);
    this.next = next;
    let changed = false;
    for (const item of items) {
      const print = JSON.stringify(item);
      if (this.items.get(item.id)?.print === print) continue;
      this.items.set(item.id, { item, print });
      changed = true;
      if (item.lead && item.chat && item.chat !== this.partner()) this.chats.set(item.lead, item.chat);
    }
    if (changed) this.draw();
  }

  /** Newest first; within one instant the messages came after the events that caused them. */
  sorted() {
    const trail = [...this.items.values()].map(({ item }) => item);
    const place = (item) => (item.kind === "send" ? 1e9 : 0) + Number(item.id.slice(1));
    return [...trail, ...this.notes].sort((a, b) => b.at - a.at || place(b) - place(a)).slice(0, KEPT);
  }

  /** Whose story a line belongs to: a card sent to the partner belongs to its lead. */
  owner(item) {
    return this.chats.get(item.lead) ?? item.chat;
  }

  draw() {
    const about = (item) => this.owner(item) === this.user || (item.kind === "process" || (item.kind === "fault" && !item.chat));
    const shown = folded(this.onlyLead ? this.sorted().filter(about) : this.sorted());
    const rows = shown.map((item) => this.row(item));
    this.list.replaceChildren(...(rows.length ? rows : [el("li", { class: "why-empty" }, "Здесь будет видно, почему бот ответил именно так, а где промолчал.")]));
  }

  row(item) {
    const seenBy = item.kind === "send" ? item.chat : this.owner(item);
    const named = !this.onlyLead || (item.kind === "send" && seenBy !== this.user);
    const who = named && this.users().find((user) => user.id === seenBy);
    const [picture, title] = KINDS[item.kind] ?? KINDS.event;
    const badge = item.state && el("span", { class: `badge ${item.state}` }, STATES[item.state] ?? item.state);
    return el("li", { class: "why-item", data: { kind: item.kind } },
      el("span", { class: "why-icon", title }, icon(picture)),
      el("div", {}, el("div", { class: "why-text", dir: "auto" }, item.text, item.times > 1 && el("b", {}, ` ×${item.times}`)), item.reason && el("div", { class: "why-reason", dir: "auto" }, item.reason),
        el("div", { class: "why-meta" }, el("time", { title: dayName(item.at) }, clockTime(item.at)), who && el("bdi", {}, `${item.kind === "send" ? "→ " : ""}${fullName(who)}`), badge)));
  }
}

/** Equal faults in a row become one line with a count. */
function folded(items) {
  const out = [];
  for (const item of items) {
    const last = out.at(-1);
    if (item.kind === "fault" && last?.kind === "fault" && last.text === item.text) last.times += 1;
    else out.push({ ...item, times: 1 });
  }
  return out;
}
