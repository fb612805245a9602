// One message as a bubble with what hangs under it.

import { clockTime, el, fullName, icon } from "./dom.js";
import { isBigEmoji, richText } from "./entities.js";
import { inlineKeyboard } from "./keyboards.js";
import { media } from "./media.js";

/** A row of the chat. `phone` answers presses and opens links; see phone.js. */
export function bubbleRow(message, phone) {
  const mine = !message.out;
  const body = el("div", { class: "bubble" });
  const shown = media(message, phone);
  const text = message.text ?? message.caption;
  const big = !shown && text !== undefined && isBigEmoji(text, message.entities);
  if (message.forward_origin) body.append(forwarded(message.forward_origin));
  if (message.reply_to_message) body.append(quoted(message.reply_to_message));
  const captionAbove = message.show_caption_above_media;
  if (shown && !captionAbove) body.append(shown);
  if (text !== undefined) body.append(textBlock(text, message.entities ?? message.caption_entities, phone));
  if (shown && captionAbove) body.append(shown);
  if (text === undefined && !shown) body.append(el("div", { class: "text unknown" }, "Сообщение этого вида песочница не показывает"));
  body.append(meta(message, mine));
  if (shown && text === undefined) body.classList.add("bare");
  if (big || message.sticker) body.classList.add("big");
  const keyboard = message.reply_markup?.inline_keyboard?.length ? inlineKeyboard(message, phone) : null;
  const wide = message.reply_markup?.inline_keyboard?.some((row) => row.length > 2);
  const classes = ["row", wide && "wide", mine ? "mine" : "theirs", keyboard && "with-keyboard", shown && "with-media"];
  return el("li", { class: classes.filter(Boolean).join(" "), data: { id: message.message_id, side: mine ? "mine" : "theirs" } }, el("div", { class: "stack" }, body, keyboard));
}

function textBlock(text, entities, phone) {
  return el("div", { class: "text", dir: "auto" }, richText(text, entities, phone.actions));
}

function meta(message, mine) {
  const time = clockTime(message.date * 1000);
  const edited = message.edit_date && !message.edit_hide;
  return el("span", { class: "meta" }, edited && el("span", { class: "edited" }, "изменено "), el("time", {}, time), mine && icon("ticks", "прочитано"));
}

function forwarded(origin) {
  const name = origin.sender_user ? fullName(origin.sender_user) : (origin.sender_user_name ?? origin.chat?.title ?? "");
  return el("div", { class: "forwarded" }, "Переслано от ", el("b", {}, el("bdi", {}, name)));
}

function quoted(message) {
  const from = message.from ? fullName(message.from) : "";
  const text = message.text ?? message.caption ?? "Вложение";
  return el("div", { class: "quoted" }, el("b", {}, el("bdi", {}, from)), el("span", { dir: "auto" }, text));
}

export function dateRow(label) {
  return el("li", { class: "date", data: { date: label } }, el("span", {}, label));
}

export function typingRow() {
  return el("li", { class: "row theirs typing", "aria-label": "печатает" }, el("div", { class: "stack" }, el("div", { class: "bubble" }, el("i"), el("i"), el("i"))));
}
