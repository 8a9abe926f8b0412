// A client of the Vestibule protocol, version 1: signs in, joins, publishes, survives lost lines.
// It knows nothing of the page around it. protocol.md, "Guidance for clients", is its plan.

import { verdictOf } from "./codes.js";

const SUBPROTOCOL = "vestibule.v1";
/** Backoff: a random time up to BASE_MS × 2^tries, at most CAP_MS; forgotten after STABLE_MS. */
const BASE_MS = 1_000;
const CAP_MS = 30_000;
const STABLE_MS = 10_000;
/** Tries in a row after a code of which nothing is known. */
const UNKNOWN_TRIES = 5;
/** How long a tab that wakes up waits for an answer to its ping. */
const AWAKE_MS = 5_000;
/** Published and not acknowledged at a time; more is refused. */
const UNACKNOWLEDGED = 64;
/** The client's own close code: nothing was heard for too long. */
const WATCHDOG = 4900;

/** 128 random bits; `crypto.randomUUID` is not there on a page without TLS. */
function randomKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Events, each with its data in `detail`:
 * - `state` {state, tries, waitMs}: see `state`
 * - `frame` {from: "client" | "server", text}: everything that goes over the line
 * - `opened`, `closed` {verdict, message, planned}: the line itself; `message` is the last error's
 * - `signed-in` (the auth_ok), `joined` {room, seq, recovered, missed}, `left` {room, code}
 * - `message` (the message, with `missed: true` if it comes from a recovery)
 * - `acknowledged` (the ack, with `key`), `failed` (the error, with `key` and `action`)
 */
export class Client extends EventTarget {
  /** away, connecting, verifying, ready, waiting (for the next try) or cut (on purpose). */
  state = "away";
  /** Joined and wanted rooms: name to {joined, position: {epoch, seq} | null, recoveredTo}. */
  rooms = new Map();

  #url;
  #getToken;
  #socket = null;
  #token = null;
  #tries = 0;
  #refusedTokens = 0;
  #requests = new Map();
  #unacknowledged = new Map();
  #lastId = 0;
  #lastError = null;
  #afterMs = 0;
  #silenceMs = 0;
  #timers = {};

  /**
   * `getToken` is asked for a token before the first line and whenever the old one is no good any
   * more; it may take its time, and gives null if there is none to be had.
   */
  constructor(url, getToken) {
    super();
    this.#url = url;
    this.#getToken = getToken;
  }

  /** Opens the line and keeps it open. */
  start() {
    if (this.#socket === null) this.#connect();
  }

  /** Ends it for good. */
  stop() {
    this.#end(1000);
    this.#setState("away");
  }

  /** Drops the line without a code, as a tunnel would, and stays away until `resume`. */
  cut() {
    if (this.#socket !== null) this.#end(undefined);
    this.#setState("cut");
  }

  /** Comes back after `cut`, or at once instead of waiting. */
  resume() {
    if (this.state !== "cut" && this.state !== "waiting") return;
    clearTimeout(this.#timers.retry);
    this.#connect();
  }

  /** Drops the line and signs in again with a token that `getToken` is asked for. */
  async renew() {
    this.cut();
    this.#token = null;
    this.resume();
  }

  join(name) {
    if (!this.rooms.has(name)) {
      this.rooms.set(name, { joined: false, position: null, recoveredTo: 0 });
      if (this.#isOpen()) this.#sendJoin(name);
    }
  }

  leave(name) {
    const room = this.rooms.get(name);
    this.rooms.delete(name);
    if (room && this.#isOpen()) this.#request({ type: "leave", room: name });
  }

  /**
   * Publishes; what a lost line swallows is sent again after the next `joined`, and the key keeps
   * it from being said twice. Returns the key, or null if too much waits already.
   */
  publish(room, payload) {
    if (this.#unacknowledged.size >= UNACKNOWLEDGED) return null;
    const key = randomKey();
    this.#unacknowledged.set(key, { room, payload });
    if (this.rooms.get(room)?.joined) this.#sendMessage(key);
    return key;
  }

  /** To be called when a sleeping tab wakes up: finds out whether the line still holds. */
  wake() {
    if (this.state !== "ready") return;
    this.#request({ type: "ping" });
    clearTimeout(this.#timers.awake);
    this.#timers.awake = setTimeout(() => this.#socket?.close(WATCHDOG), AWAKE_MS);
  }

  // --- the line ----------------------------------------------------------------------------------

  async #connect() {
    this.#setState("connecting");
    // First the token, then the line: the deadline of the sign-in begins with the line.
    this.#token ??= await this.#getToken();
    if (this.state !== "connecting" || this.#socket !== null) return;
    if (this.#token === null) return this.#setState("away");
    const socket = new WebSocket(this.#url, SUBPROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#heard(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
  }

  #opened() {
    this.#emit("opened");
    this.#setState("verifying");
    this.#send({ type: "auth", payload: this.#token });
    // Pipelined: the server reads on when it has judged the token.
    for (const name of this.rooms.keys()) this.#sendJoin(name);
  }

  /** Closes on purpose; without a code the other end sees 1005. */
  #end(code) {
    const socket = this.#socket;
    this.#forgetLine();
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (code === undefined) socket.close();
    else socket.close(code);
    this.#emit("closed", { verdict: verdictOf(code ?? 1005), planned: true });
  }

  #closed(code, reason) {
    const message = this.#lastError;
    const wasReady = this.state === "ready";
    const verdict = verdictOf(code, reason);
    verdict.afterMs = Math.max(verdict.afterMs, this.#afterMs);
    this.#forgetLine();
    this.#emit("closed", { verdict, message, planned: false });
    if (wasReady || code !== 4411) this.#refusedTokens = 0;
    const waitMs = this.#delay(verdict);
    if (waitMs === null) return this.#setState("away");
    if (verdict.retry === "refresh") this.#token = null;
    this.#setState("waiting", { tries: this.#tries, waitMs });
    this.#timers.retry = setTimeout(() => this.#connect(), waitMs);
    this.#tries += 1;
  }

  /** How long to wait before the next try; null: there is none. */
  #delay({ code, retry, limited, afterMs }) {
    if (retry === "never" || retry === "sign_in") return null;
    if (limited && this.#tries >= UNKNOWN_TRIES) return null;
    // A second token that is wrong is a mistake somewhere else.
    if (code === 4411 && ++this.#refusedTokens > 1) return null;
    if (code === 4412 && this.#tries === 0) return 0;
    if (code === 4421) return Math.random() * BASE_MS;
    if (retry === "now" && afterMs === 0) return 5_000 + Math.random() * 25_000;
    const spread = Math.random() * Math.min(CAP_MS, BASE_MS * 2 ** this.#tries);
    return Math.max(afterMs, spread);
  }

  #forgetLine() {
    this.#socket = null;
    this.#lastError = null;
    this.#afterMs = 0;
    this.#requests.clear();
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    for (const room of this.rooms.values()) room.joined = false;
  }

  /** Whether something can be said; behind auth also before the verdict. */
  #isOpen() {
    return this.state === "verifying" || this.state === "ready";
  }

  // --- what is said ------------------------------------------------------------------------------

  #send(message) {
    const text = JSON.stringify(message);
    this.#socket.send(text);
    this.#emit("frame", { from: "client", text });
  }

  /** Sends with an `id`, so that the answer can be told from others; `about` is kept for it. */
  #request(message, about = {}) {
    const id = String(++this.#lastId);
    const { type, ...rest } = message;
    this.#requests.set(id, { ...about, type });
    this.#send({ type, id, ...rest });
  }

  #sendJoin(name) {
    const { position } = this.rooms.get(name);
    const since = position ? { since: position } : {};
    this.#request({ type: "join", room: name, ...since }, { room: name });
  }

  #sendMessage(key) {
    const { room, payload } = this.#unacknowledged.get(key);
    this.#request({ type: "message", room, payload, idempotency_key: key }, { key });
  }

  async #refresh() {
    const socket = this.#socket;
    const token = await this.#getToken();
    if (token === null || this.#socket !== socket || socket === null) return;
    this.#token = token;
    this.#request({ type: "auth", payload: token });
  }

  // --- what is heard -----------------------------------------------------------------------------

  #heard(text) {
    this.#emit("frame", { from: "server", text });
    this.#watch();
    const message = JSON.parse(text);
    const request = this.#requests.get(message.id);
    this.#requests.delete(message.id);
    switch (message.type) {
      case "auth_ok":
        return this.#signedIn(message);
      case "auth_expiring":
        return this.#refresh();
      case "joined":
        return this.#joined(message);
      case "left":
        return this.#left(message);
      case "message":
        return this.#said(message);
      case "ack":
        this.#unacknowledged.delete(request?.key);
        return this.#emit("acknowledged", { ...message, key: request?.key });
      case "reconnect":
        this.#afterMs = message.after_ms;
        return;
      case "error":
        return this.#refused(message, request);
      default: // ping, pong, and what is newer than this client
    }
  }

  /** Something came: the line lives. Too long without that, and it does not. */
  #watch() {
    clearTimeout(this.#timers.awake);
    clearTimeout(this.#timers.silence);
    if (this.#silenceMs === 0) return;
    this.#timers.silence = setTimeout(() => this.#socket?.close(WATCHDOG), this.#silenceMs);
  }

  #signedIn(verdict) {
    const { interval_ms, timeout_ms } = verdict.heartbeat;
    this.#silenceMs = interval_ms + timeout_ms;
    this.#watch();
    if (!verdict.refreshed) {
      clearTimeout(this.#timers.stable);
      this.#timers.stable = setTimeout(() => (this.#tries = 0), STABLE_MS);
      this.#setState("ready");
    }
    this.#emit("signed-in", verdict);
  }

  #joined({ room: name, epoch, seq, recovered }) {
    const room = this.rooms.get(name);
    if (!room) return; // left in the meantime
    room.joined = true;
    const missed = recovered === true ? seq - room.position.seq : 0;
    room.recoveredTo = recovered === true ? seq : 0;
    if (recovered !== true) room.position = { epoch, seq };
    this.#emit("joined", { room: name, seq, recovered, missed });
    for (const [key, waiting] of this.#unacknowledged) {
      if (waiting.room === name) this.#sendMessage(key);
    }
  }

  #left({ room: name, code }) {
    // With a code the server ended it, and joining again with the same token would fail.
    if (code) this.rooms.delete(name);
    this.#emit("left", { room: name, code });
  }

  #said(message) {
    const room = this.rooms.get(message.room);
    if (!room) return;
    const missed = message.seq <= room.recoveredTo;
    if (message.seq !== undefined) {
      if (message.seq <= room.position.seq) return;
      room.position = { ...room.position, seq: message.seq };
    }
    this.#emit("message", { ...message, missed });
  }

  #refused(error, request) {
    this.#lastError = error;
    if (error.fatal) return; // the Close says the rest
    const key = request?.key;
    const again = error.retry === "backoff" && key !== undefined;
    if (again) {
      const waitMs = Math.max(error.retry_after_ms ?? 0, BASE_MS);
      this.#timers[key] = setTimeout(() => this.#repeat(key), waitMs);
    } else {
      this.#unacknowledged.delete(key);
    }
    if (request?.type === "join") this.rooms.delete(request.room);
    this.#emit("failed", { ...error, key, again, action: request?.type });
  }

  #repeat(key) {
    delete this.#timers[key];
    const waiting = this.#unacknowledged.get(key);
    if (waiting && this.rooms.get(waiting.room)?.joined) this.#sendMessage(key);
  }

  // --- the page hears ----------------------------------------------------------------------------

  #setState(state, more = {}) {
    this.state = state;
    this.#emit("state", { state, ...more });
  }

  #emit(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
