// Puts the page together: two phones, the desk between them, and the sandbox's events that move them.

import { coalesce, every, follow, get } from "./api.js";
import { Banner } from "./banner.js";
import { arrowKeys, fullName, setZone } from "./dom.js";
import { Leads } from "./leads.js";
import { Operator } from "./operator.js";
import { Phone } from "./phone.js";
import { Why } from "./why.js";

const STATUS_MS = 1000;
const byId = (id) => document.getElementById(id);

const state = { status: null, users: [], selected: null, skew: 0 };
const now = () => Date.now() + state.skew;
const notices = byId("notices");
const banner = new Banner(byId("banner"), notices);
const report = (error) => banner.notify(error.message, "bad");
const starts = () => state.status?.starts ?? [];
const phoneOf = (user) => state.status?.phones?.[user];

const leadPhone = new Phone(byId("lead-phone"), { starts, phoneOf, now });
const partnerPhone = new Phone(byId("partner-phone"), { starts: () => [], phoneOf, now });
const leads = new Leads(byId("leads"), { choose, report });
const everybody = () => [...state.users, state.partner].filter(Boolean);
const why = new Why(byId("why"), { users: everybody, partner: () => state.partner?.id });
const operator = new Operator(byId("operator"), { report, now });

const readStatus = coalesce(async () => {
  state.status = await get("/demo/status");
  state.skew = state.status.clock.now_ms - Date.now();
  setZone(state.status.partner.timezone);
  operator.render(state.status);
  banner.render(state.status.bot);
  why.watch(state.status.bot, now());
  tick();
  if (leadPhone.chat && !leadPhone.chat.messages.length) leadPhone.render(false);
});

const readPeople = coalesce(async () => {
  if (!state.status) await readStatus();
  const { users, bots } = await get("/control/state");
  const { partner, bot } = state.status;
  state.bot = bots.find((one) => one.id === bot.id) ?? { id: bot.id, username: bot.username, first_name: bot.username };
  state.partner = users.find((user) => user.id === partner.user_id);
  state.users = users.filter((user) => user.id !== partner.user_id).sort((a, b) => a.id - b.id);
  if (state.partner) {
    partnerPhone.set(state.bot, state.partner);
    byId("partner-name").textContent = fullName(state.partner);
  }
  const known = state.users.some((user) => user.id === state.selected);
  if (!known) state.selected = state.users.find((user) => `#${user.id}` === location.hash)?.id ?? state.users[0]?.id ?? null;
  show();
});

function show() {
  leads.render(state.users, state.selected);
  const lead = state.users.find((user) => user.id === state.selected);
  if (!lead) return;
  leadPhone.set(state.bot, lead);
  byId("lead-name").textContent = fullName(lead);
  why.select(lead.id);
}

async function choose(id) {
  state.selected = id;
  history.replaceState(null, "", `#${id}`);
  if (!state.users.some((user) => user.id === id)) await readPeople();
  show();
  openTab("lead");
}

function handle(events) {
  for (const event of events) {
    if (event.kind === "bot" || event.kind === "user") readPeople();
    if (event.kind === "clock") readStatus();
    if (event.kind === "reset") refreshAll();
    why.hear(event);
    if (event.kind === "message" && event.user) leads.mark(event.user);
    for (const phone of [leadPhone, partnerPhone]) {
      if (event.user !== phone.user?.id) continue;
      if (event.kind === "toast") phone.answered(event);
      else if (!["call", "fault"].includes(event.kind)) phone.refresh();
    }
  }
  why.refresh();
}

function refreshAll() {
  readPeople();
  leadPhone.refresh();
  partnerPhone.refresh();
}

function tick() {
  for (const part of [leadPhone, partnerPhone, operator]) part.tick();
}

function openTab(name) {
  document.body.dataset.tab = name;
  for (const tab of document.querySelectorAll("#tabs button")) tab.setAttribute("aria-selected", String(tab.dataset.tab === name));
}

for (const tab of document.querySelectorAll("#tabs button")) tab.addEventListener("click", () => openTab(tab.dataset.tab));
arrowKeys(byId("tabs"), "button");
openTab("lead");
readPeople();
every(STATUS_MS, readStatus);
setInterval(tick, 1000);

let away = false;
follow(handle, (gone, lost) => {
  // Another sandbox may have taken the place of the one that went: nothing of the old page is true of it.
  if (away && !gone) location.reload();
  if (lost) refreshAll();
  away = gone;
  document.body.classList.toggle("away", gone);
});
