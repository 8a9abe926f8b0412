// What each message means, in one plain sentence.

import { meaningOfError, RETRY } from "./codes.js";

/** Messages of clients. */
const CLIENT = {
  auth: (m) =>
    m.id
      ? "A newer token for the same session, so that it outlives the old one."
      : "The sign-in: who I am, in a token that somebody whom the server trusts has signed.",
  join: (m) =>
    m.since
      ? `Back to ${m.room}: the last that I have is #${m.since.seq}, please send what came after.`
      : `May I enter ${m.room}? Every room is checked against the token.`,
  leave: (m) => `I leave ${m.room}.`,
  message: (m) =>
    m.ephemeral
      ? `Say this to who is in ${m.room} now, and forget it.`
      : `Say this in ${m.room}. The idempotency_key makes it safe to send again after a lost line.`,
  history: (m) => `What does ${m.room} remember?`,
  presence: (m) => `Who is in ${m.room}?`,
  ping: () => "Are you still there?",
  pong: () => "Still here.",
};

/** Messages of the server. */
const SERVER = {
  auth_ok: (m) =>
    m.refreshed
      ? `The newer token counts from now on; it is good for ${duration(m.expires_in_ms)}.`
      : `The verdict: come in, ${m.user}. Your token is good for ` +
        `${duration(m.expires_in_ms)}, and all that was negotiated stands here.`,
  auth_expiring: (m) =>
    `The token ends in ${duration(m.expires_in_ms)}: send auth with a newer one to stay.`,
  joined: (m) => joined(m),
  left: (m) =>
    m.code
      ? `The server ended your membership of ${m.room}: ${m.code}.`
      : `You have left ${m.room}.`,
  ack: (m) => ack(m),
  message: (m) =>
    m.seq === undefined
      ? `From ${m.from?.user ?? "the system"} in ${m.room}, for who is there now: nobody remembers it.`
      : `#${m.seq} in ${m.room}, from ${m.from?.user ?? "the system"}. The server sets from and seq; ` +
        "all members see the same order.",
  history: (m) => `What ${m.room} remembers.`,
  presence: (m) => `Who is in ${m.room}.`,
  member_joined: (m) => `${m.user} came into ${m.room}.`,
  member_left: (m) => `${m.user} left ${m.room}.`,
  ping: () => "A sign of life. Nothing has to be answered.",
  pong: () => "The answer to your ping: the line holds.",
  reconnect: (m) => `The server goes away soon: come back in ${duration(m.after_ms)}.`,
  error: (m) => error(m),
};

function ack(m) {
  if (m.seq === undefined) return `Passed on to who is in ${m.room} now; nobody remembers it.`;
  return m.duplicate
    ? `That had arrived before, as #${m.seq}: it is not said twice.`
    : `Your message has its place: it is #${m.seq} in ${m.room}, for everybody.`;
}

function joined(m) {
  if (m.recovered === true) return `You are in ${m.room} again, and everything you missed follows.`;
  if (m.recovered === false) {
    return `You are in ${m.room} again, at #${m.seq}; what you missed is no longer remembered.`;
  }
  return `You are in ${m.room}; the newest message is #${m.seq}, and what comes next reaches you.`;
}

function error(m) {
  if (m.fatal) return "The verdict: no. The line is closed behind this.";
  const what = meaningOfError(m.code) ?? "Something was refused.";
  return `${what} A client: ${lower(RETRY[m.retry] ?? "ignores it.")}`;
}

/** What a message of `from` ("client" or "server") means. */
export function meaning(from, message) {
  const known = (from === "client" ? CLIENT : SERVER)[message?.type];
  if (known) return known(message);
  return from === "client"
    ? "Nothing that the protocol knows."
    : "A message that is newer than this page: a client ignores it.";
}

/** A time for people. */
export function duration(ms) {
  const units = [
    [86_400_000, "day"],
    [3_600_000, "hour"],
    [60_000, "minute"],
    [1_000, "second"],
  ];
  if (ms < 1_000) return "a moment";
  // Rounded first, so that 59.9 minutes are an hour.
  const rounded = Math.round(ms / 1_000) * 1_000;
  const [unit, name] = units.find(([unit]) => rounded >= unit * 0.99) ?? units.at(-1);
  const count = Math.round(rounded / unit);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

const lower = (text) => text.charAt(0).toLowerCase() + text.slice(1);
