// The page's only way out: the control API of the local Telegram and the demo's own few addresses.

async function call(path, options) {
  const response = await fetch(path, { cache: "no-store", ...options });
  const text = await response.text();
  let body = {};
  try {
    body = text ? JSON.parse(text) : {};
  } catch {
    body = { description: text };
  }
  if (!response.ok) throw new Error(body.error ?? body.description ?? `${response.status} ${path}`);
  return body;
}

export const get = (path) => call(path);

export const post = (path, body = {}) =>
  call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const remove = (path) => call(path, { method: "DELETE" });

export const fileUrl = (bot, fileId) => `/control/file?bot=${bot}&file_id=${encodeURIComponent(fileId)}`;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Follows the sandbox's events for ever; `gone(true)` while it does not answer, `gone(false, true)` when events were missed. */
export async function follow(handle, gone) {
  let next = null;
  for (;;) {
    try {
      if (next === null) next = (await get("/control/events?after=-1")).next;
      const batch = await get(`/control/events?after=${next}&timeout=25`);
      gone(false, batch.lost);
      next = batch.next;
      if (batch.events.length) handle(batch.events);
    } catch {
      gone(true);
      next = null;
      await pause(1000);
    }
  }
}

/** Runs `work` every `ms` while the page is visible, never twice at once. */
export function every(ms, work) {
  const tick = async () => {
    if (!document.hidden) await work().catch(() => {});
    setTimeout(tick, ms);
  };
  tick();
}

/** Wraps an async function so that calls during a run cause exactly one more run. */
export function coalesce(work) {
  let running = false;
  let again = false;
  return async function run() {
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      do {
        again = false;
        await work().catch(() => {});
      } while (again);
    } finally {
      running = false;
    }
  };
}
