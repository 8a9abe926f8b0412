// The verdict, large: code, name, what it means, and what a client does next.

import { duration } from "./meanings.js";

export class Verdict {
  #root;
  #timer;

  constructor(root) {
    this.#root = root;
  }

  hide() {
    clearInterval(this.#timer);
    this.#root.hidden = true;
  }

  /** The good verdict. */
  accepted(user, lifeMs) {
    this.#show("good", {
      code: "✓",
      about: "Signed in:",
      name: "auth_ok",
      meaning: `You are ${user}, and your token is good for ${duration(lifeMs)}.`,
      next: "Joins its rooms, and sends a newer token before this one ends.",
    });
  }

  /** The line was cut on purpose. */
  cut({ code, name, meaning, next }) {
    this.#show("waiting", { code, about: "Your line is cut:", name, meaning, next });
  }

  /** Back in a room with a position: what the server said about what was missed. */
  recovered({ room, recovered, missed }) {
    const count = `${missed} ${missed === 1 ? "message" : "messages"}`;
    this.#show(recovered ? "good" : "waiting", {
      code: recovered ? "✓" : "?",
      about: "Back again:",
      name: `recovered: ${recovered}`,
      meaning: recovered
        ? `You missed ${count} in ${room}, and the server proves that this is all.`
        : `What you missed in ${room} is no longer remembered: nothing is sent again.`,
      next: recovered
        ? "Shows what was missed as if nothing had happened."
        : "Loads the state of the room in another way, and goes on from here.",
    });
  }

  /**
   * A line was closed. `message` is the last error that came before; `passing` says that the
   * client comes back by itself.
   */
  refused(about, { code, name, meaning, next }, { message, passing }) {
    const says = message?.message;
    const kind = passing ? "waiting" : "bad";
    this.#show(kind, { code, about: `${about}:`, name, meaning, says, next });
  }

  /** Nothing was said: the server waits until its deadline. */
  waiting(about, deadlineMs) {
    this.#show("waiting", {
      code: "…",
      about: `${about}:`,
      name: "waiting",
      meaning: `A client has ${duration(deadlineMs)} for its sign-in. Nothing extends that.`,
      next: "Says auth at once.",
    });
    const bar = this.#part("wait");
    const began = performance.now();
    bar.hidden = false;
    this.#timer = setInterval(() => {
      bar.value = Math.min(1, (performance.now() - began) / deadlineMs);
    }, 100);
  }

  #show(kind, { code, about, name, meaning, says, next }) {
    clearInterval(this.#timer);
    this.#part("wait").hidden = true;
    this.#root.dataset.kind = kind;
    this.#root.hidden = false;
    const words = { code, about, name, meaning, message: says ?? "", do: next };
    for (const [part, text] of Object.entries(words)) this.#part(part).textContent = text;
    this.#part("says").hidden = !says;
    if (kind !== "good") this.#root.scrollIntoView({ block: "nearest" });
  }

  #part(name) {
    return this.#root.querySelector(`#verdict-${name}`);
  }
}
