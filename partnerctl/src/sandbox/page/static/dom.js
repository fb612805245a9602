// The only place that makes nodes. Data of messages becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element: `el("button", { class: "x", onclick: f, data: { id: 1 } }, "text", child)`. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(key.slice(2), value);
    else if (key === "class") node.className = value;
    else if (key === "data") Object.assign(node.dataset, value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A picture from the sprite in index.html. */
export function icon(name, label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon icon-${name}`);
  if (label) {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", label);
  } else {
    svg.setAttribute("aria-hidden", "true");
  }
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

const AVATARS = 7;

/** The round picture with initials; the colour follows the id as in Telegram. */
export function avatar(id, name) {
  const words = name.match(/[\p{L}\p{N}]+/gu) ?? ["?"];
  const initials = words.slice(0, 2).map((word) => [...word][0]).join("");
  return el("span", { class: `avatar avatar-${Math.abs(Number(id)) % AVATARS}`, "aria-hidden": "true" }, initials.toUpperCase());
}

export function fullName(user) {
  return [user.first_name, user.last_name].filter(Boolean).join(" ");
}

/** Addresses a page may link to; anything else is null. */
export function safeUrl(address) {
  try {
    const url = new URL(address.includes(":") ? address : `https://${address}`);
    return ["http:", "https:", "mailto:", "tel:", "tg:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

let zone;

/** All times are shown in the partner's zone, because the bot's own texts speak of that one. */
export function setZone(name) {
  zone = name;
}

export function clockTime(ms) {
  return new Date(ms).toLocaleTimeString("ru-RU", { hour: "2-digit", minute: "2-digit", timeZone: zone });
}

export function dayName(ms) {
  return new Date(ms).toLocaleDateString("ru-RU", { day: "numeric", month: "long", timeZone: zone });
}

/** Moves the focus with the arrow keys inside a list of buttons. */
export function arrowKeys(container, selector) {
  container.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    const items = [...container.querySelectorAll(selector)];
    const at = items.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    items[(at + step + items.length) % items.length].focus();
  });
}
