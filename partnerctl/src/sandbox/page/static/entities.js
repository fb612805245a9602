// A message's text with its Bot API entities, as nodes. Offsets are UTF-16 units, which is what JavaScript strings count in.

import { el } from "./dom.js";

const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code" };
const FOLDED_LINES = 3;

/** `actions` has openUrl(address), command(text) and copy(text). */
export function richText(text, entities, actions) {
  const sorted = [...(entities ?? [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  return build(text, 0, text.length, sorted, actions);
}

function build(text, from, to, entities, actions) {
  const out = document.createDocumentFragment();
  let at = from;
  let rest = entities;
  while (rest.length) {
    const [outer, ...others] = rest;
    const start = Math.max(outer.offset, at);
    const end = Math.min(outer.offset + outer.length, to);
    rest = others.filter((entity) => entity.offset >= end);
    if (end <= start) continue;
    out.append(text.slice(at, start));
    const inner = others.filter((entity) => entity.offset < end);
    out.append(wrap(outer, text.slice(start, end), build(text, start, end, inner, actions), actions));
    at = end;
    if (isBlock(outer) && text[at] === "\n") at += 1;
  }
  if (at < to) out.append(text.slice(at, to));
  return out;
}

const isBlock = (entity) => ["pre", "blockquote", "expandable_blockquote"].includes(entity.type);

function wrap(entity, plain, children, actions) {
  const tag = TAGS[entity.type];
  if (tag) return el(tag, entity.type === "code" ? { title: "Скопировать", onclick: () => actions.copy(plain) } : {}, children);
  switch (entity.type) {
    case "text_link":
      return link(entity.url, children, actions);
    case "url":
      return link(plain, children, actions);
    case "email":
      return link(`mailto:${plain}`, children, actions);
    case "phone_number":
      return link(`tel:${plain.replace(/[^+\d]/g, "")}`, children, actions);
    case "mention":
      return link(`https://t.me/${plain.slice(1)}`, children, actions);
    case "text_mention":
      return link(`tg://user?id=${entity.user?.id}`, children, actions);
    case "bot_command":
      return el("button", { class: "link", type: "button", onclick: () => actions.command(plain) }, children);
    case "spoiler":
      return spoiler(children);
    case "pre":
      return el("pre", {}, entity.language && el("span", { class: "pre-language" }, entity.language), el("code", {}, children));
    case "blockquote":
      return el("blockquote", {}, children);
    case "expandable_blockquote":
      return folded(plain, children);
    case "hashtag":
    case "cashtag":
      return el("span", { class: "link" }, children);
    default:
      return children;
  }
}

function link(address, children, actions) {
  return el("button", { class: "link", type: "button", title: address, onclick: () => actions.openUrl(address) }, children);
}

function spoiler(children) {
  const hidden = el("span", { class: "spoiler-text" }, children);
  hidden.inert = true;
  const node = el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Скрытый текст, нажмите, чтобы показать" }, hidden);
  const reveal = () => {
    node.classList.add("shown");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
    hidden.inert = false;
  };
  node.addEventListener("click", reveal);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") reveal();
  });
  return node;
}

function folded(plain, children) {
  const quote = el("blockquote", {}, children);
  if (plain.split("\n").length <= FOLDED_LINES && plain.length < 160) return quote;
  quote.classList.add("folded");
  const toggle = el("button", { class: "fold", type: "button", "aria-expanded": "false" }, "Развернуть");
  toggle.addEventListener("click", () => {
    const open = !quote.classList.toggle("folded");
    toggle.setAttribute("aria-expanded", String(open));
    toggle.textContent = open ? "Свернуть" : "Развернуть";
  });
  quote.append(toggle);
  return quote;
}

const EMOJI_ONLY = /^(?:(?:\p{Regional_Indicator}{2}|\p{Extended_Pictographic}(?:\uFE0F|\p{Emoji_Modifier}|\u200D\p{Extended_Pictographic}\uFE0F?)*)\s*){1,3}$/u;

/** One to three emoji and nothing else are shown large. */
export const isBigEmoji = (text, entities) => !entities?.length && EMOJI_ONLY.test(text);
