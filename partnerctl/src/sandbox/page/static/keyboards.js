// Buttons under a message and the keyboard in place of the letters.

import { el, icon } from "./dom.js";

const STYLES = new Set(["primary", "success", "danger"]);

export function inlineKeyboard(message, phone) {
  const rows = message.reply_markup.inline_keyboard.map((buttons, row) =>
    el("div", { class: "keys" }, buttons.map((button, column) => inlineButton(message, button, row, column, phone))),
  );
  return el("div", { class: "inline-keyboard", role: "group", "aria-label": "Кнопки сообщения" }, rows);
}

function inlineButton(message, button, row, column, phone) {
  const node = el("button", { class: "key", type: "button", title: button.text }, el("span", { dir: "auto" }, button.text));
  if (STYLES.has(button.style)) node.classList.add(button.style);
  if (button.url ?? button.login_url) {
    node.append(icon("link-out"));
    node.addEventListener("click", () => phone.actions.openUrl(button.url ?? button.login_url.url));
  } else if (button.callback_data !== undefined) {
    node.addEventListener("click", () => press(node, message, row, column, phone));
  } else if (button.copy_text) {
    node.append(icon("copy"));
    node.addEventListener("click", () => phone.actions.copy(button.copy_text.text));
  } else {
    node.addEventListener("click", () => phone.toast("Такая кнопка работает только в настоящем Telegram"));
  }
  return node;
}

async function press(node, message, row, column, phone) {
  if (node.classList.contains("busy")) return;
  node.classList.add("busy");
  node.setAttribute("aria-busy", "true");
  await phone.press(message.message_id, row, column);
  node.classList.remove("busy");
  node.removeAttribute("aria-busy");
}

/** The reply keyboard; `send(text)`, `contact()` and `used()` come from the composer. */
export function replyKeyboard(markup, { send, contact, unsupported, used }) {
  const rows = markup.keyboard.map((buttons) => el("div", { class: "keys" }, buttons.map((raw) => replyButton(raw))));
  return el("div", { class: `reply-keyboard${markup.resize_keyboard ? "" : " tall"}`, role: "group", "aria-label": "Клавиатура бота" }, rows);

  function replyButton(raw) {
    const button = typeof raw === "string" ? { text: raw } : raw;
    const act = () => {
      if (button.request_contact) return contact();
      if (button.request_location || button.request_poll || button.web_app || button.request_users || button.request_chat) return unsupported();
      send(button.text);
      return used();
    };
    const node = el("button", { class: "key", type: "button", onclick: act }, el("span", { dir: "auto" }, button.text));
    if (STYLES.has(button.style)) node.classList.add(button.style);
    if (button.request_contact) node.dataset.kind = "contact";
    return node;
  }
}
