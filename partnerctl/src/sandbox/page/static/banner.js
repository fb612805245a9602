// Broken funnel files: what is wrong and where, while the last good version keeps running.

import { el, icon } from "./dom.js";

const NOTICE_MS = 4000;

export class Banner {
  constructor(node, notices) {
    Object.assign(this, { node, notices, print: "[]", hash: null, dead: false });
  }

  /** Shows what is wrong with the funnels, or why the bot does not start at all. */
  render(bot) {
    const funnels = bot.health?.funnels;
    if (!funnels) return this.renderDead(bot.last_words);
    const errors = (funnels.problems ?? []).filter((problem) => problem.severity !== "warning");
    const print = JSON.stringify(errors);
    if (print !== this.print) this.draw(errors);
    const mended = this.print !== "[]" && print === "[]";
    const changed = this.hash !== null && this.hash !== funnels.hash;
    if (this.dead) this.notify("Бот запустился", "good");
    else if (mended || (changed && print === "[]")) this.notify("Воронки обновлены", "good");
    this.print = print;
    this.hash = funnels.hash;
    this.dead = false;
    return undefined;
  }

  renderDead(words) {
    if (!words?.length) return;
    const print = JSON.stringify(words);
    if (print === this.print) return;
    this.print = print;
    this.dead = true;
    this.node.hidden = false;
    const head = el("p", { class: "banner-head" }, icon("warning"), el("b", {}, "Бот не запускается."), " Последнее, что он сказал:");
    this.node.replaceChildren(head, el("div", { class: "problem" }, el("pre", {}, words.join("\n"))));
  }

  draw(problems) {
    this.node.hidden = problems.length === 0;
    if (!problems.length) return this.node.replaceChildren();
    const head = el("p", { class: "banner-head" }, icon("warning"), el("b", {}, "В файлах воронок ошибка."), " Пока она не исправлена, бот работает по прежней версии.");
    return this.node.replaceChildren(head, el("div", { class: "problems" }, problems.map(problemNode)));
  }

  notify(text, kind = "") {
    const node = el("div", { class: `notice ${kind}` }, text);
    this.notices.append(node);
    setTimeout(() => node.remove(), NOTICE_MS);
  }
}

/** `file:line:col` and the message, then the line with a caret under the place. */
function problemNode(problem) {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  const node = el("div", { class: "problem" }, el("p", {}, el("b", { class: "place" }, place), " ", problem.path && `${problem.path}: `, problem.message));
  if (problem.line > 0 && problem.source) {
    const gutter = String(problem.line);
    const pad = " ".repeat(gutter.length);
    const caret = " ".repeat(Math.max(0, problem.column - 1)) + "^".repeat(Math.max(1, problem.width));
    node.append(el("pre", {}, `${gutter} │ ${problem.source}\n${pad} │ `, el("span", { class: "caret" }, caret)));
  }
  return node;
}
