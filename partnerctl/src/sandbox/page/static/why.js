// The log strip: what happened, what was sent or held, and why.

import { every, get } from "./api.js";
import { clockTime, dayName, el, fullName, icon } from "./dom.js";

const STATES = { due: "ждёт", sending: "отправляется", sent: "отправлено", failed: "не вышло", unknown: "неизвестно", dropped: "не отправлено", held: "придержано" };
const KINDS = { send: ["out", "сообщение"], event: ["event", "событие"], fault: ["bolt", "помеха"], process: ["restart", "процесс"] };
const KEPT = 400;
const POLL_MS = 1500;
/** Rows change state after they were first seen, so a window behind the end is read again. */
const WINDOW = 60;

export class Why {
  constructor(node, { users }) {
    Object.assign(this, { node, users, items: new Map(), notes: [], lead: null, onlyLead: true });
    const tab = (all, label) => el("button", { type: "button", class: "segment", "aria-pressed": String(all !== this.onlyLead), onclick: () => this.filter(!all) }, label);
    this.tabs = [tab(false, "Этот лид"), tab(true, "Все")];
    this.list = el("ol", { class: "why-list", "aria-label": "Журнал" });
    node.append(el("div", { class: "why-head" }, el("h2", {}, "Почему"), el("div", { class: "segments", role: "group", "aria-label": "Кого показывать" }, this.tabs)), this.list);
    this.refresh = () => this.load().catch(() => {});
    every(POLL_MS, () => this.load());
  }

  filter(onlyLead) {
    this.onlyLead = onlyLead;
    this.tabs[0].setAttribute("aria-pressed", String(onlyLead));
    this.tabs[1].setAttribute("aria-pressed", String(!onlyLead));
    this.draw();
  }

  select(lead) {
    this.lead = lead;
    this.draw();
  }

  /** A fault the sandbox played on the bot belongs to the story too. */
  hear(event) {
    if (event.kind === "fault" && event.method) this.note("fault", event.at, event.user, `Помеха: ${event.fault} на ${event.method}`);
  }

  /** The process behind the bot changed. */
  watch(bot, at) {
    const print = `${bot.state}:${bot.pid}`;
    if (this.process !== undefined && this.process !== print) {
      if (bot.state === "running") this.note("process", at, null, `Бот снова работает, процесс ${bot.pid}`);
      else if (bot.reason) this.note("process", at, null, `Бот: ${bot.reason}`);
    }
    if (bot.state === "running" || this.process !== undefined) this.process = print;
  }

  note(kind, at, chat, text) {
    this.notes = [{ kind, at, chat, text }, ...this.notes].slice(0, KEPT);
    this.draw();
  }

  async load() {
    const last = Math.max(0, ...this.items.keys());
    const { items } = await get(`/demo/trail?after=${Math.max(0, last - WINDOW)}`);
    let changed = false;
    for (const item of items) {
      const print = JSON.stringify(item);
      if (this.items.get(item.seq)?.print === print) continue;
      this.items.set(item.seq, { item, print });
      changed = true;
    }
    for (const seq of [...this.items.keys()].sort((a, b) => a - b).slice(0, -KEPT)) this.items.delete(seq);
    if (changed) this.draw();
  }

  draw() {
    const trail = [...this.items.values()].map(({ item }) => item).sort((a, b) => b.seq - a.seq);
    const all = [...this.notes, ...trail].sort((a, b) => b.at - a.at);
    const shown = this.onlyLead ? all.filter((item) => item.chat === this.lead || item.chat === null) : all;
    const rows = shown.map((item) => this.row(item));
    this.list.replaceChildren(...(rows.length ? rows : [el("li", { class: "why-empty" }, "Здесь будет видно, почему бот ответил именно так, а где промолчал.")]));
  }

  row(item) {
    const who = this.onlyLead ? null : this.users().find((user) => user.id === item.chat);
    const [picture, title] = KINDS[item.kind] ?? KINDS.event;
    const badge = item.state && el("span", { class: `badge ${item.state}` }, STATES[item.state] ?? item.state);
    return el("li", { class: `why-item ${item.kind}` },
      el("span", { class: "why-icon", title }, icon(picture)),
      el("div", {}, el("div", { class: "why-text", dir: "auto" }, item.text), item.reason && el("div", { class: "why-reason", dir: "auto" }, item.reason),
        el("div", { class: "why-meta" }, el("time", { title: dayName(item.at) }, clockTime(item.at)), who && el("bdi", {}, fullName(who)), badge)));
  }
}
