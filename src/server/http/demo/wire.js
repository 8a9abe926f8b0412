// The pane that shows what goes over the line, each frame with what it means.

import { Follow } from "./follow.js";
import { meaning } from "./meanings.js";

/** Entries that are kept; the oldest go first. */
const ENTRIES = 250;
/** Characters of a token that are shown: no more than its header. */
const TOKEN_CHARS = 12;
/** One word of JSON: a string with an optional colon, another value, or what is between. */
const WORD = /("(?:\\.|[^"\\])*")(\s*:)?|(-?\d[\d.eE+-]*|true|false|null)|[^"\dtfn-]+|./g;

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });

export class Wire {
  #list;
  #follow;
  #empty;

  constructor({ list, scroll, empty }) {
    this.#list = list;
    this.#follow = new Follow(scroll);
    this.#empty = empty;
  }

  clear() {
    this.#list.replaceChildren();
    this.#empty.hidden = false;
  }

  /** A frame. `line` names the line if it is not the session's. */
  frame(from, text, line) {
    const message = parse(text);
    const entry = element("li", `frame ${from}${message?.fatal ? " fatal" : ""}`);
    const head = element("p", "frame-head");
    const who = from === "client" ? "you say" : "the server says";
    head.append(element("span", `from ${from}`, who));
    head.append(element("code", "type", message?.type ?? "?"));
    if (line) head.append(element("span", "line", line));
    head.append(element("time", "", TIME.format()));
    entry.append(head, element("p", "meaning", meaning(from, message)), json(shorten(from, text)));
    this.#add(entry);
  }

  /** Something about the line itself. `bad` says that it is over. */
  note(text, { line, bad } = {}) {
    const entry = element("li", `note${bad ? " bad" : ""}`);
    const head = element("p", "", text);
    if (line) head.append(" ", element("span", "line", line));
    entry.append(head, element("time", "", TIME.format()));
    this.#add(entry);
  }

  #add(entry) {
    this.#follow.around(() => {
      this.#empty.hidden = true;
      this.#list.append(entry);
      while (this.#list.children.length > ENTRIES) this.#list.firstElementChild.remove();
    });
  }
}

/** The frame as it went over the line, but for a token. */
function shorten(from, text) {
  const message = parse(text);
  const isToken = from === "client" && message?.type === "auth";
  if (!isToken || typeof message.payload !== "string") return text;
  const { payload } = message;
  const short = `${payload.slice(0, TOKEN_CHARS)}… [a token of ${payload.length} characters]`;
  return JSON.stringify({ ...message, payload: short });
}

/** JSON in colours, as text and never as markup. */
function json(text) {
  const pre = element("pre", "json");
  const code = element("code", "");
  for (const [all, string, colon, value] of text.matchAll(WORD)) {
    if (colon !== undefined) code.append(element("span", "key", string), colon);
    else if (string !== undefined) code.append(element("span", "string", string));
    else if (value !== undefined) code.append(element("span", "value", value));
    else {
      code.append(all);
      // A line breaks behind a comma rather than within a word.
      if (all.includes(",")) code.append(document.createElement("wbr"));
    }
  }
  pre.append(code);
  return pre;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** An element with a class and a text. */
export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
