// The page: two people who chat in two windows, and the wire between them and the server.

import { Client } from "./client.js";
import { Conversation } from "./conversation.js";
import { forge, knock, UNSIGNED } from "./knock.js";
import { duration } from "./meanings.js";
import { mint, options } from "./tokens.js";
import { Verdict } from "./verdict.js";
import { Wire } from "./wire.js";

const $ = (id) => document.getElementById(id);
const scheme = location.protocol === "https:" ? "wss" : "ws";
const URL_OF_LINE = `${scheme}://${location.host}/ws`;
/** The life of the token that shows a refresh, in milliseconds. */
const SHORT_MS = 20_000;

const wire = new Wire({ list: $("frames"), scroll: $("wire-scroll"), empty: $("wire-empty") });
const verdict = new Verdict($("verdict"));
const conversation = new Conversation({
  rooms: $("rooms"),
  name: $("room-name"),
  scroll: $("scroll"),
  messages: $("messages"),
  say: $("say"),
  send: $("composer").querySelector("button"),
  label: $("say-label"),
  leave: $("leave"),
});
const server = await options();

/** Who I am: the client, my name, a pasted token, and the life that the next token shall have. */
let client = null;
let me = "";
let pasted = null;
let nextLifeMs;

// --- signing in ----------------------------------------------------------------------------------

async function token() {
  if (!server.tokens) {
    const once = pasted;
    pasted = null;
    return once;
  }
  const lifeMs = nextLifeMs;
  nextLifeMs = undefined;
  try {
    return await mint(me, lifeMs);
  } catch (why) {
    problem(`No token: ${why.message}`);
    return null;
  }
}

function signIn() {
  client?.stop();
  me = $("name").value.trim();
  pasted = $("token").value.trim() || null;
  $("token").value = "";
  problem("");
  verdict.hide();
  conversation.reset(me);
  client = listenTo(new Client(URL_OF_LINE, token));
  enter($("first-room").value.trim());
  client.start();
}

function signOut() {
  client?.stop();
  client = null;
  show("sign-in");
  ($("name-field").hidden ? $("token") : $("name")).focus();
}

function problem(text) {
  $("sign-in-problem").textContent = text;
}

function show(what) {
  $("sign-in").hidden = what !== "sign-in";
  $("inside").hidden = what === "sign-in";
}

function enter(room) {
  client.join(room);
  conversation.enter(room);
}

// --- what the client tells -----------------------------------------------------------------------

function listenTo(client) {
  const on = (type, hear) => client.addEventListener(type, (event) => hear(event.detail));
  on("state", drawState);
  on("frame", ({ from, text }) => {
    wire.frame(from, text);
    countUnseen();
  });
  on("opened", () => wire.note("The line is open. The server says nothing before its verdict."));
  on("closed", closed);
  on("signed-in", signedIn);
  on("joined", (joined) => {
    conversation.joined(joined);
    if (joined.recovered !== null) verdict.recovered(joined);
  });
  on("left", ({ room, code }) => {
    if (code) conversation.note(room, `The server ended your membership: ${code}.`);
  });
  on("message", (message) => conversation.said(message));
  on("failed", (error) => {
    const fate = error.again ? "waiting…" : `refused: ${error.code}`;
    if (error.key) conversation.failed(error.key, fate);
    if (error.action === "join") conversation.note(error.room, `Not let in: ${error.code}.`);
  });
  return client;
}

function signedIn({ user, expires_in_ms: life, refreshed }) {
  const first = $("inside").hidden;
  if (me !== user) conversation.reset((me = user));
  for (const room of client.rooms.keys()) if (first) conversation.enter(room);
  show("inside");
  $("who").textContent = user;
  $("mark").textContent = user.charAt(0).toUpperCase();
  $("life").textContent = `token good for ${duration(life)}`;
  document.title = `${user} · Vestibule`;
  pointSecond();
  if (!refreshed) verdict.accepted(user, life);
  if (first) $("say").focus();
}

function closed({ verdict: end, message, planned }) {
  const cut = planned && end.code === 1005;
  conversation.lost(cut ? "The line is cut. Whatever is said now, you miss." : "The line is gone.");
  const silent = cut ? " without a word" : "";
  wire.note(planned ? `You closed the line${silent}.` : ended(end), { bad: !planned });
  const passing = ["now", "backoff"].includes(end.retry);
  if (!planned) verdict.refused("Your line", end, { message, passing });
  else if (cut) verdict.cut(end);
}

const ended = ({ code, name }) => `The line is closed: ${code} ${name}.`;

let countdown;

function drawState({ state, waitMs, tries }) {
  clearInterval(countdown);
  const words = {
    away: "Outside",
    connecting: "On the way",
    verifying: "At the door",
    ready: "Inside",
    cut: "Line cut",
    waiting: "",
  };
  document.body.dataset.door = state;
  $("door-text").textContent = words[state];
  $("cut").textContent = state === "cut" || state === "waiting" ? "Come back" : "Cut the line";
  $("cut").classList.toggle("primary", state === "cut" || state === "waiting");
  $("short").disabled = !server.tokens || state !== "ready";
  if (state === "away") show("sign-in");
  if (state === "waiting") {
    const until = performance.now() + waitMs;
    wire.note(`Coming back in ${seconds(waitMs)}, try ${tries + 1}.`);
    const draw = () => {
      $("door-text").textContent = `Back in ${seconds(until - performance.now())}`;
    };
    draw();
    countdown = setInterval(draw, 1_000);
  }
}

const seconds = (ms) => `${Math.max(0, ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;

// --- knocking another way ------------------------------------------------------------------------

let giveUp = () => {};

const KNOCKS = {
  expired: {
    line: "expired token",
    about: "A genuine token that ended a minute ago.",
    first: async () => ({ type: "auth", payload: await mint(name(), -60_000) }),
  },
  forged: {
    line: "forged token",
    about: "A token whose claims were changed to admin, under the signature that it had before.",
    first: async () => {
      const payload = server.tokens ? forge(await mint(name())) : UNSIGNED;
      return { type: "auth", payload };
    },
  },
  silent: {
    line: "no token",
    about: `Nothing is said. The deadline is ${duration(server.deadline_ms)}.`,
    first: async () => null,
  },
  wrong: {
    line: "wrong first message",
    about: "A join before the sign-in.",
    first: async () => ({ type: "join", room: "lobby" }),
  },
};

async function tryKnock(kind) {
  const { line, about, first } = KNOCKS[kind];
  giveUp();
  let said;
  try {
    said = await first();
  } catch (why) {
    return wire.note(`No token: ${why.message}`, { line, bad: true });
  }
  giveUp = knock(URL_OF_LINE, said, (heard) => {
    if (heard.opened) {
      wire.note(`The line is open. ${about}`, { line });
      if (said === null) verdict.waiting("No token", server.deadline_ms);
    } else if (heard.text) {
      wire.frame(heard.from, heard.text, line);
    } else {
      wire.note(ended(heard.verdict), { line, bad: true });
      verdict.refused(line.charAt(0).toUpperCase() + line.slice(1), heard.verdict, heard);
    }
  });
}

const name = () => me || $("name").value.trim() || "alice";

// --- the second person ---------------------------------------------------------------------------

function pointSecond() {
  const other = me === "bob" ? "alice" : "bob";
  const query = new URLSearchParams({ as: other, room: conversation.current ?? "lobby" });
  $("second").href = `/?${query}`;
}

function openSecond(event) {
  pointSecond();
  // Side by side where there is space for it; a tab elsewhere, as the link itself does.
  if (screen.availWidth < 1_200 || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const width = Math.floor(screen.availWidth / 2);
  const place = `left=${screen.availLeft + width},top=${screen.availTop}`;
  const size = `width=${width},height=${screen.availHeight}`;
  window.open($("second").href, "_blank", `noopener,popup,${place},${size}`);
}

// --- views and themes ----------------------------------------------------------------------------

let unseen = 0;

function countUnseen() {
  unseen = document.body.dataset.view === "wire" ? 0 : unseen + 1;
  $("unseen").hidden = unseen === 0;
  $("unseen").textContent = unseen > 99 ? "99+" : String(unseen);
}

function showView(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll("[data-shows]")) {
    button.setAttribute("aria-pressed", String(button.dataset.shows === view));
  }
  if (view === "wire") {
    unseen = -1;
    countUnseen();
  }
}

const THEMES = ["system", "light", "dark"];
const chosenTheme = () => document.documentElement.dataset.theme ?? "system";
const drawTheme = () => ($("theme").textContent = `Theme: ${chosenTheme()}`);

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(chosenTheme()) + 1) % THEMES.length];
  document.dispatchEvent(new CustomEvent("theme", { detail: next }));
  drawTheme();
}

// --- everything a person can do ------------------------------------------------------------------

const on = (id, type, act) => $(id).addEventListener(type, act);
const submit = (id, act) =>
  on(id, "submit", (event) => {
    event.preventDefault();
    act();
  });

submit("sign-in", signIn);
submit("join", () => {
  enter($("room").value.trim());
  $("room").value = "";
  $("say").focus();
});
submit("composer", () => {
  const text = $("say").value;
  const key = client.publish(conversation.current, { text });
  if (key === null) return conversation.note(conversation.current, "Too much is waiting already.");
  conversation.saying(conversation.current, key, text);
  $("say").value = "";
});
on("leave", "click", () => {
  const room = conversation.current;
  client.leave(room);
  conversation.leave(room);
  $("room").focus();
});
on("cut", "click", () => (client.state === "ready" ? client.cut() : client.resume()));
on("short", "click", () => {
  nextLifeMs = SHORT_MS;
  wire.note("A new line with a token for 20 seconds: watch it being refreshed before it ends.");
  client.renew();
});
on("sign-out", "click", signOut);
on("clear", "click", () => wire.clear());
on("second", "click", openSecond);
on("theme", "click", nextTheme);
on("verdict-close", "click", () => verdict.hide());
for (const button of document.querySelectorAll("[data-shows]")) {
  button.addEventListener("click", () => showView(button.dataset.shows));
}
for (const button of document.querySelectorAll("[data-knock]")) {
  button.addEventListener("click", () => tryKnock(button.dataset.knock));
}
addEventListener("online", () => client?.state === "waiting" && client.resume());
document.addEventListener("visibilitychange", () => document.hidden || client?.wake());

// --- the beginning -------------------------------------------------------------------------------

const asked = new URLSearchParams(location.search);
$("name").value = asked.get("as") ?? "alice";
$("first-room").value = asked.get("room") ?? "lobby";
$("name-field").hidden = !server.tokens;
$("token-field").hidden = server.tokens;
$("name").required = server.tokens;
$("token").required = !server.tokens;
$("short").hidden = !server.tokens;
$("knock-hint").hidden = server.tokens;
document.querySelector('[data-knock="expired"]').disabled = !server.tokens;
me = $("name").value;
pointSecond();
drawTheme();
// A second window has been told who it is.
if (asked.has("as") && server.tokens && $("sign-in").checkValidity()) signIn();
document.body.dataset.loaded = "";
