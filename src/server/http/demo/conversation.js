// The rooms and what is said in them, as a person sees it.

import { Follow } from "./follow.js";
import { element } from "./wire.js";

/** Lines kept for a room; the oldest go first. */
const LINES = 200;

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short", hour12: false });

export class Conversation {
  #view;
  #follow;
  #me = "";
  /** Room name to {lines, unread, joined}. */
  #rooms = new Map();
  #pending = new Map();
  #current = null;

  /** `view`: the elements that are named below; `scroll` is around `messages`. */
  constructor(view) {
    this.#view = view;
    this.#follow = new Follow(view.scroll);
  }

  get current() {
    return this.#current;
  }

  reset(me) {
    this.#me = me;
    this.#rooms.clear();
    this.#pending.clear();
    this.#current = null;
    this.#draw();
  }

  enter(name) {
    if (!this.#rooms.has(name)) this.#rooms.set(name, { lines: [], unread: 0, joined: false });
    this.show(name);
  }

  /** Forgets the room and shows another one. */
  leave(name) {
    this.#rooms.delete(name);
    if (this.#current === name) this.#current = this.#rooms.keys().next().value ?? null;
    this.#draw();
  }

  show(name) {
    this.#current = name;
    this.#rooms.get(name).unread = 0;
    this.#draw();
  }

  joined({ room: name, seq, recovered, missed }) {
    const room = this.#rooms.get(name);
    if (!room) return;
    room.joined = true;
    this.#note(name, welcome(name, { seq, recovered, missed }));
    this.#drawRooms();
  }

  /** The line is gone: nobody is in any room. */
  lost(text) {
    for (const [name, room] of this.#rooms) {
      if (!room.joined) continue;
      room.joined = false;
      this.#note(name, text);
    }
    this.#drawRooms();
  }

  /** What I have said and the server has not confirmed yet. */
  saying(name, key, text) {
    const line = element("li", "said mine pending");
    line.append(head(this.#me, "sending…"), element("p", "text", text));
    this.#pending.set(key, line);
    this.#add(name, line);
  }

  failed(key, why) {
    const line = this.#pending.get(key);
    if (!line) return;
    line.querySelector(".detail").textContent = why;
    line.classList.add("failed");
  }

  said({ room, seq, from, at_ms, payload, idempotency_key, missed }) {
    const mine = from?.user === this.#me;
    const line = element("li", `said${mine ? " mine" : ""}${missed ? " missed" : ""}`);
    const text = typeof payload?.text === "string" ? payload.text : JSON.stringify(payload);
    const place = seq === undefined ? "not remembered" : `#${seq}`;
    const detail = `${TIME.format(at_ms)} · ${place}${missed ? " · missed" : ""}`;
    line.append(head(from?.user ?? "system", detail), element("p", "text", text));
    const pending = this.#pending.get(idempotency_key);
    this.#pending.delete(idempotency_key);
    const known = this.#rooms.get(room);
    if (pending && known) known.lines = known.lines.filter((one) => one !== pending);
    pending?.remove();
    this.#add(room, line);
  }

  note(name, text) {
    this.#note(name, text);
  }

  #note(name, text) {
    this.#add(name, element("li", "remark", text));
  }

  #add(name, line) {
    const room = this.#rooms.get(name);
    if (!room) return;
    room.lines.push(line);
    const over = room.lines.length > LINES ? room.lines.shift() : null;
    if (name === this.#current) {
      this.#follow.around(() => {
        over?.remove();
        this.#view.messages.append(line);
      });
    } else if (line.classList.contains("said")) {
      room.unread += 1;
      this.#drawRooms();
    }
  }

  #draw() {
    const { name, scroll, messages, say, label, leave, send } = this.#view;
    const room = this.#rooms.get(this.#current);
    name.textContent = this.#current ?? "No room";
    label.textContent = this.#current ? `Message to ${this.#current}` : "Message";
    say.disabled = send.disabled = leave.disabled = !room;
    // Another room is no news: nothing of it is to be read out.
    scroll.ariaBusy = "true";
    messages.replaceChildren(...(room?.lines ?? []));
    requestAnimationFrame(() => (scroll.ariaBusy = "false"));
    this.#follow.end();
    this.#drawRooms();
  }

  #drawRooms() {
    const focused = this.#view.rooms.contains(document.activeElement) && document.activeElement;
    const items = [...this.#rooms].map(([name, room]) => {
      const button = element("button", room.joined ? "" : "outside", name);
      button.type = "button";
      button.dataset.room = name;
      if (name === this.#current) button.setAttribute("aria-current", "true");
      if (room.unread > 0) {
        button.append(" ", element("span", "count", String(room.unread)));
        button.append(element("span", "hidden", " unread"));
      }
      button.addEventListener("click", () => {
        this.show(name);
        this.#view.say.focus();
      });
      const item = element("li", "");
      item.append(button);
      return item;
    });
    this.#view.rooms.replaceChildren(...items);
    // A redrawn button is another one: whoever was on it stays there.
    if (focused) this.#view.rooms.querySelector(`[data-room="${focused.dataset.room}"]`)?.focus();
  }
}

function head(user, detail) {
  const line = element("p", "said-head");
  line.append(element("strong", "", user), " ", element("span", "detail", detail));
  return line;
}

function welcome(name, { seq, recovered, missed }) {
  if (recovered === true) {
    if (missed === 0) return "Back, and nothing was missed.";
    return missed === 1
      ? "Back. One message was missed, and here it is:"
      : `Back. ${missed} messages were missed, and here they are:`;
  }
  if (recovered === false) return "Back, but the room no longer remembers what was missed.";
  return seq === 0
    ? `You are the first to say something in ${name}.`
    : `You are in ${name}. Messages up to #${seq} were before you.`;
}
