// Photos, videos, files, stickers and contacts of a message.

import { fileUrl } from "./api.js";
import { avatar, el, icon } from "./dom.js";

/** The node for what the message carries besides text, or null. */
export function media(message, phone) {
  const source = (file) => fileUrl(phone.bot.id, file.file_id);
  if (message.photo?.length) return photo(message.photo.at(-1), source, message.has_media_spoiler);
  if (message.animation) return video(message.animation, source, true);
  if (message.video ?? message.video_note) return video(message.video ?? message.video_note, source, false);
  if (message.sticker) return sticker(message.sticker, source);
  if (message.audio ?? message.voice) return el("audio", { class: "audio", controls: true, preload: "metadata", src: source(message.audio ?? message.voice) });
  if (message.document) return file(message.document, source);
  if (message.contact) return contact(message.contact);
  if (message.location) return el("div", { class: "text" }, `📍 ${message.location.latitude}, ${message.location.longitude}`);
  if (message.dice) return el("div", { class: "dice" }, message.dice.emoji, el("small", {}, String(message.dice.value)));
  return null;
}

/** Keeps the place of a picture whose size is known, so that the chat does not jump when it arrives. */
function framed(node, item) {
  if (item.width && item.height) node.style.aspectRatio = `${item.width} / ${item.height}`;
  return node;
}

function photo(size, source, hidden) {
  const image = framed(el("img", { class: "photo", alt: "Фото", src: source(size) }), size);
  image.addEventListener("error", () => image.replaceWith(el("div", { class: "photo missing" }, icon("photo"), "Фото не открылось")));
  if (hidden) {
    image.classList.add("blurred");
    image.addEventListener("click", () => image.classList.remove("blurred"), { once: true });
  }
  return image;
}

function video(item, source, loop) {
  const node = el("video", { class: "photo", controls: !loop, loop, playsinline: true, preload: "metadata", src: source(item) });
  node.muted = loop;
  node.autoplay = loop && !matchMedia("(prefers-reduced-motion: reduce)").matches;
  return framed(node, item);
}

function sticker(item, source) {
  const image = el("img", { class: "sticker", alt: `Стикер ${item.emoji ?? ""}`, src: source(item) });
  image.addEventListener("error", () => image.replaceWith(el("div", { class: "sticker-emoji" }, item.emoji ?? "🙂")));
  return image;
}

function file(item, source) {
  const name = item.file_name ?? "файл";
  return el("a", { class: "file", href: source(item), download: name }, el("span", { class: "file-icon" }, icon("file")), el("span", {}, el("b", {}, name), el("small", {}, size(item.file_size))));
}

function size(bytes) {
  if (!bytes) return "файл";
  if (bytes < 1024) return `${bytes} Б`;
  return bytes < 1024 * 1024 ? `${Math.round(bytes / 1024)} КБ` : `${(bytes / 1024 / 1024).toFixed(1)} МБ`;
}

function contact(item) {
  const name = [item.first_name, item.last_name].filter(Boolean).join(" ");
  return el("div", { class: "contact" }, avatar(item.user_id ?? 0, name), el("span", {}, el("b", {}, el("bdi", {}, name)), el("small", {}, phoneText(item.phone_number))));
}

/** `77001234567` as a phone shows it. */
export function phoneText(digits) {
  const clean = String(digits).replace(/\D/g, "");
  const russian = clean.match(/^7(\d{3})(\d{3})(\d{2})(\d{2})$/);
  return russian ? `+7 ${russian[1]} ${russian[2]}-${russian[3]}-${russian[4]}` : `+${clean}`;
}
