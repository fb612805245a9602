// The operator's bar: the bot's state, restart and kill, the clock, faults.

import { get, post, remove } from "./api.js";
import { clockTime, dayName, el, icon } from "./dom.js";

const STATES = {
  starting: ["запускается", "warn"],
  running: ["работает", "good"],
  waiting: ["ждёт", "warn"],
  stopping: ["останавливается", "warn"],
  stopped: ["остановлен", "bad"],
};

const FAULTS = [
  { id: "429", label: "429", title: "Telegram просит подождать 3 секунды, каждый второй запрос", rules: [{ method: "*", kind: "429", probability: 0.5, retry_after: 3 }] },
  { id: "500", label: "500", title: "Ошибка сервера на каждый второй запрос", rules: [{ method: "*", kind: "500", probability: 0.5 }] },
  { id: "lost", label: "потерянный ответ", title: "Каждое третье сообщение доставлено, но бот об этом не узнал", rules: [{ method: "sendMessage", kind: "lost_answer", probability: 0.33 }] },
  { id: "slow", label: "медленно", title: "Каждый ответ идёт 3 секунды", rules: [{ method: "*", kind: "slow", probability: 1, delay_ms: 3000 }] },
  { id: "reset", label: "обрыв", title: "Соединение рвётся на каждом третьем запросе", rules: [{ method: "*", kind: "reset", probability: 0.33 }] },
];

const HOUR = 3_600_000;

export class Operator {
  constructor(node, { report, now }) {
    Object.assign(this, { report, now, armed: new Set() });
    this.state = el("div", { class: "bot-state", role: "status" });
    this.detail = el("small", { class: "bot-detail" });
    this.clock = el("span", { class: "clock-text" });
    this.chips = FAULTS.map((fault) => el("button", { type: "button", class: "fault", title: fault.title, "aria-pressed": "false", data: { fault: fault.id }, onclick: () => this.toggle(fault.id) }, fault.label));
    const button = (id, label, title, path, body, kind = "") => el("button", { type: "button", class: `button ${kind}`, id, title, onclick: (event) => this.run(event.currentTarget, path, body) }, label);
    node.append(
      el("div", { class: "panel-row bot-row" }, el("div", { class: "bot-lines" }, this.state, this.detail),
        button("restart", [icon("restart"), "Перезапуск"], "Остановить бота по-хорошему и запустить снова", "/demo/restart"),
        button("kill", [icon("skull"), "kill −9"], "Убить процесс на месте; он поднимется сам и ничего не потеряет", "/demo/kill", {}, "danger")),
      el("div", { class: "panel-row" }, icon("clock"), el("div", { class: "grow" }, this.clock),
        button("skip-hour", "+1 час", "Перевести часы вперёд на час", "/demo/skip", { ms: HOUR }),
        button("skip-day", "+1 день", "Перевести часы вперёд на день", "/demo/skip", { ms: 24 * HOUR })),
      el("div", { class: "panel-row faults", role: "group", "aria-label": "Помехи" }, el("span", { class: "grow row-label" }, icon("bolt"), "Помехи"), el("div", { class: "fault-list" }, this.chips)));
    this.readFaults();
  }

  async run(button, path, body) {
    button.disabled = true;
    await post(path, body).catch(this.report);
    button.disabled = false;
  }

  render({ bot, clock, partner }) {
    const waiting = bot.state === "running" ? bot.health?.state : bot.state;
    const [word, colour] = STATES[waiting] ?? [waiting ?? "неизвестно", "warn"];
    const print = JSON.stringify([bot.username, word, bot.ended, bot.retry_ms, bot.pid, bot.restarts, bot.health?.funnels?.hash]);
    if (print !== this.print) {
      this.print = print;
      this.state.replaceChildren(el("i", { class: `lamp ${colour}` }), el("b", {}, `@${bot.username}`), el("span", {}, word));
      this.state.dataset.state = waiting;
      this.detail.textContent = [bot.state === "stopped" ? endingWords(bot) : bot.health?.reason, bot.pid && `процесс ${bot.pid}`, bot.restarts > 0 && `запусков: ${bot.restarts + 1}`, bot.health?.funnels?.hash && `воронки ${bot.health.funnels.hash.slice(0, 7)}`].filter(Boolean).join(" · ");
    }
    this.offset = clock.offset_ms;
    this.clock.title = `Часовой пояс партнёра: ${partner.timezone}`;
  }

  tick() {
    const now = this.now();
    const ahead = this.offset >= HOUR ? ` · впереди на ${duration(this.offset)}` : "";
    this.clock.textContent = `${dayName(now)}, ${clockTime(now)}${ahead}`;
  }

  async readFaults() {
    try {
      const { rules = [] } = await get("/control/faults");
      for (const fault of FAULTS) if (rules.some((rule) => rule.kind === fault.rules[0].kind)) this.armed.add(fault.id);
      this.drawFaults();
    } catch (error) {
      this.report(error);
    }
  }

  async toggle(id) {
    if (!this.armed.delete(id)) this.armed.add(id);
    this.drawFaults();
    const rules = FAULTS.filter((fault) => this.armed.has(fault.id)).flatMap((fault) => fault.rules);
    try {
      await remove("/control/faults");
      if (rules.length) await post("/control/faults", { rules });
    } catch (error) {
      this.report(error);
    }
  }

  drawFaults() {
    for (const chip of this.chips) chip.setAttribute("aria-pressed", String(this.armed.has(chip.dataset.fault)));
  }
}

/** How the last process ended, in words. */
export function endingWords({ ended, retry_ms: retry }) {
  if (!ended) return null;
  const words = ended === "killed" ? "убит командой kill −9" : ended === "restarted" ? "остановлен для перезапуска" : ended.code !== undefined ? `завершился с кодом ${ended.code}` : ended.signal !== undefined ? `убит сигналом ${ended.signal}` : ended.error;
  return retry ? `${words}, снова через ${(retry / 1000).toLocaleString("ru-RU")} с` : words;
}

function duration(ms) {
  const days = Math.floor(ms / (24 * HOUR));
  const hours = Math.round((ms % (24 * HOUR)) / HOUR);
  return [days && `${days} д`, hours && `${hours} ч`].filter(Boolean).join(" ");
}
