-- Times are unix milliseconds, flags 0/1, JSON is TEXT, ids are made by the program, partner_id leads every key.
--
-- What belongs to one lead in `events` and `outbox` is a chain: the lead's row names the newest, every row its `prev`
-- (0 or a row that is gone: the end). An index by lead would write two more pages for every turn. So rows may go from
-- the old end of all chains (`id < n`) or a chain as a whole, never from its midst; store/chain.rs does both.

CREATE TABLE facts (
  partner_id TEXT NOT NULL,
  name       TEXT NOT NULL,
  value      TEXT NOT NULL,
  PRIMARY KEY (partner_id, name)
) WITHOUT ROWID;

-- Every update Telegram gave us. A handled row keeps its id and loses its text.
CREATE TABLE inbox (
  partner_id  TEXT   NOT NULL,
  update_id   BIGINT NOT NULL,
  state       TEXT   NOT NULL,              -- pending | done | kept (unknown kind) | dead (set aside)
  tries       BIGINT NOT NULL DEFAULT 0,
  chat_id     BIGINT NOT NULL DEFAULT 0,
  raw         TEXT   NOT NULL DEFAULT '',
  error       TEXT   NOT NULL DEFAULT '',
  received_at BIGINT NOT NULL,
  PRIMARY KEY (partner_id, update_id)
) WITHOUT ROWID;
CREATE INDEX inbox_open ON inbox (partner_id, state, update_id) WHERE state IN ('pending', 'dead');

CREATE TABLE leads (
  partner_id   TEXT   NOT NULL,
  id           BIGINT NOT NULL,
  chat_id      BIGINT NOT NULL,
  first_name   TEXT   NOT NULL,
  last_name    TEXT   NOT NULL,
  username     TEXT   NOT NULL,
  language     TEXT   NOT NULL,
  phone        TEXT   NOT NULL,
  phone_origin TEXT   NOT NULL,
  email        TEXT   NOT NULL,
  email_origin TEXT   NOT NULL,
  tags         TEXT   NOT NULL,             -- JSON array
  score        BIGINT NOT NULL,             -- sum of the points in events, kept beside them
  reach        TEXT   NOT NULL,
  opted_out    BIGINT NOT NULL,
  handoff      TEXT   NOT NULL,
  first_touch  TEXT   NOT NULL,             -- JSON or ''
  last_touch   TEXT   NOT NULL,
  funnel       TEXT   NOT NULL,             -- where the lead stands, also inside session
  step         TEXT   NOT NULL,
  session      TEXT   NOT NULL,             -- JSON
  insider      BIGINT NOT NULL,             -- one of the partner's own people: not counted
  handled_at   BIGINT NOT NULL,             -- 0 until the partner marks the lead
  handled_by   TEXT   NOT NULL,
  hot_at       BIGINT NOT NULL,             -- last time the partner was told it is hot
  last_event   BIGINT NOT NULL,             -- newest of the lead's chain in events, or 0
  last_outbox  BIGINT NOT NULL,             -- the same in outbox
  zone         TEXT   NOT NULL,             -- JSON {name, source, confidence}; '' follows the partner's zone
  consents     TEXT   NOT NULL,             -- JSON: the last word on each purpose, or ''
  spoken       TEXT   NOT NULL,             -- JSON: when the bot spoke first of late, or ''
  created_at   BIGINT NOT NULL,
  last_seen_at BIGINT NOT NULL,
  PRIMARY KEY (partner_id, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX leads_chat ON leads (partner_id, chat_id);
-- For the operator's figures, which are asked for every few seconds: who came of late, whose contact waits for the
-- partner, whose score does. No ordinary turn changes their columns.
CREATE INDEX leads_came ON leads (partner_id, created_at);
CREATE INDEX leads_left ON leads (partner_id, handled_at) WHERE insider = 0 AND (handoff = 'waiting' OR phone <> '' OR email <> '');
CREATE INDEX leads_score ON leads (partner_id, score) WHERE insider = 0 AND handled_at = 0;

-- The story of a lead: one row per thing that happened. Score is the sum of points.
CREATE TABLE events (
  partner_id TEXT   NOT NULL,
  id         BIGINT NOT NULL,
  lead_id    BIGINT NOT NULL,
  prev       BIGINT NOT NULL,               -- the lead's event before this one
  at         BIGINT NOT NULL,
  kind       TEXT   NOT NULL,
  funnel     TEXT   NOT NULL DEFAULT '',
  step       TEXT   NOT NULL DEFAULT '',
  name       TEXT   NOT NULL DEFAULT '',
  value      TEXT   NOT NULL DEFAULT '',
  points     BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (partner_id, id)
) WITHOUT ROWID;
-- Only what is counted: a partial index costs nothing for the many other events. With OR, because SQLite would make a
-- table of the list of an IN for every event.
CREATE INDEX events_counted ON events (partner_id, kind, at) WHERE kind = 'came' OR kind = 'entered' OR kind = 'link';

CREATE TABLE timers (
  partner_id TEXT   NOT NULL,
  lead_id    BIGINT NOT NULL,
  name       TEXT   NOT NULL,
  lane       BIGINT NOT NULL,               -- who speaks: the lead (0), to the partner (1), follow-up (2), sequence (3)
  due_at     BIGINT NOT NULL,
  data       TEXT   NOT NULL,               -- JSON
  held       TEXT   NOT NULL DEFAULT '',    -- why it is due later than meant
  PRIMARY KEY (partner_id, lead_id, name)
) WITHOUT ROWID;
CREATE INDEX timers_due ON timers (partner_id, lane, due_at);

-- Messages to send and what became of them.
CREATE TABLE outbox (
  partner_id TEXT   NOT NULL,
  id         BIGINT NOT NULL,
  lead_id    BIGINT NOT NULL,               -- 0: not about a lead
  prev       BIGINT NOT NULL,               -- the lead's message before this one
  chat_id    BIGINT NOT NULL,
  lane       BIGINT NOT NULL,
  class      TEXT   NOT NULL,               -- reply | notification | proactive | digest | edit
  cause      TEXT   NOT NULL,               -- why the message was written
  method     TEXT   NOT NULL,
  payload    TEXT   NOT NULL,               -- JSON
  media      TEXT   NOT NULL,               -- JSON or ''
  card       BIGINT NOT NULL DEFAULT 0,     -- the lead whose card this is, or 0
  intent     TEXT   NOT NULL DEFAULT '',    -- names what the bot says first, once per lead
  wish       TEXT   NOT NULL DEFAULT '',    -- JSON: what the gate is asked again before the call
  state      TEXT   NOT NULL,               -- due | sending | sent | failed | unknown | dropped
  reason     TEXT   NOT NULL DEFAULT '',
  tries      BIGINT NOT NULL DEFAULT 0,
  not_before BIGINT NOT NULL DEFAULT 0,
  message_id BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  settled_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (partner_id, id)
) WITHOUT ROWID;
-- With the state among their columns: otherwise SQLite reads all messages rather than these few.
CREATE INDEX outbox_open ON outbox (partner_id, state, id) WHERE state IN ('due', 'sending');
CREATE INDEX outbox_goodbye ON outbox (partner_id, id) WHERE cause = 'goodbye';
CREATE INDEX outbox_unknown ON outbox (partner_id, state, chat_id, id) WHERE state = 'unknown';
CREATE UNIQUE INDEX outbox_intent ON outbox (partner_id, lead_id, intent) WHERE intent <> '';
CREATE INDEX outbox_card ON outbox (partner_id, card, id) WHERE card <> 0;

-- Digests of the partner's local days, told or found empty: at most one of a kind for a day.
CREATE TABLE digests (
  partner_id   TEXT   NOT NULL,
  kind         TEXT   NOT NULL,             -- daily | weekly
  day          TEXT   NOT NULL,             -- 2026-11-27
  covers_from  BIGINT NOT NULL,
  covers_to    BIGINT NOT NULL,
  first_outbox BIGINT NOT NULL,             -- its messages; 0: there was nothing to tell
  last_outbox  BIGINT NOT NULL,
  PRIMARY KEY (partner_id, kind, day)
) WITHOUT ROWID;

-- Acts of erasure: proof without personal data. Kept for three years.
CREATE TABLE erasures (
  partner_id TEXT   NOT NULL,
  lead_id    BIGINT NOT NULL,               -- the number on a card that is gone
  at         BIGINT NOT NULL,
  by_whom    TEXT   NOT NULL,               -- lead | retention | restore | operator …
  mark       TEXT   NOT NULL,               -- keyed hash of the chat
  gone       TEXT   NOT NULL,               -- JSON: rows of each table
  PRIMARY KEY (partner_id, lead_id, at)
) WITHOUT ROWID;

CREATE TABLE media (
  partner_id TEXT   NOT NULL,
  sha256     TEXT   NOT NULL,
  kind       TEXT   NOT NULL,
  file_id    TEXT   NOT NULL,
  stored_at  BIGINT NOT NULL,
  PRIMARY KEY (partner_id, sha256, kind)
) WITHOUT ROWID;

-- The partner's people who came by a signed link; those of config.yaml are not here.
CREATE TABLE team (
  partner_id TEXT   NOT NULL,
  user_id    BIGINT NOT NULL,
  name       TEXT   NOT NULL,
  invite     TEXT   NOT NULL,               -- nonce of the link: used once
  bound_at   BIGINT NOT NULL,
  PRIMARY KEY (partner_id, user_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX team_invite ON team (partner_id, invite);
