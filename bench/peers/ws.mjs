// A room server on npm's ws, as its README teaches it.
import { WebSocketServer } from "ws";
import { DEADLINE_MS, listening, MESSAGE_BYTES, OUTBOX_BYTES, settings, verify } from "./peer.mjs";

const { port, secret, heartbeatMs } = settings("ws");
const rooms = new Map(); // name: set of members

class Client {
  user = undefined;
  rooms = new Set();
  alive = true;

  constructor(socket) {
    this.socket = socket;
    this.deadline = setTimeout(() => socket.close(4408), DEADLINE_MS);
    socket.on("message", (data, binary) => this.hear(data, binary));
    socket.on("pong", () => (this.alive = true));
    socket.on("close", () => this.gone());
    socket.on("error", () => socket.terminate());
  }

  hear(data, binary) {
    let message;
    try {
      message = Object(JSON.parse(data));
    } catch {
      return this.socket.close(4400);
    }
    if (binary) this.socket.close(1003);
    else if (this.user === undefined) this.signIn(message);
    else if (message.type === "message") this.publish(message);
    else if (message.type === "join") this.join(message);
  }

  signIn({ type, payload }) {
    if (type !== "auth") return this.socket.close(4401);
    try {
      this.user = verify(payload, secret);
    } catch {
      return this.socket.close(4411);
    }
    clearTimeout(this.deadline);
    this.deadline = undefined;
    this.socket.send(JSON.stringify({ type: "auth_ok", user: this.user }));
  }

  join({ room, id }) {
    let members = rooms.get(room);
    if (members === undefined) rooms.set(room, (members = new Set()));
    members.add(this);
    this.rooms.add(room);
    this.socket.send(JSON.stringify({ type: "joined", id, room }));
  }

  publish({ room, payload }) {
    if (!this.rooms.has(room)) return;
    const from = { user: this.user };
    // Encoded once: every member is sent the same bytes.
    const frame = Buffer.from(JSON.stringify({ type: "message", room, from, payload }));
    for (const member of rooms.get(room)) member.deliver(frame);
  }

  deliver(frame) {
    if (this.socket.bufferedAmount > OUTBOX_BYTES) this.socket.terminate();
    else this.socket.send(frame, AS_TEXT);
  }

  gone() {
    clearTimeout(this.deadline);
    for (const room of this.rooms) {
      const members = rooms.get(room);
      members.delete(this);
      if (members.size === 0) rooms.delete(room);
    }
    clients.delete(this);
  }

  beat() {
    if (!this.alive) return this.socket.terminate();
    this.alive = false;
    this.socket.ping();
  }
}

const AS_TEXT = { binary: false };
const clients = new Set();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port,
  backlog: 4096,
  clientTracking: false, // ours is `clients`
  maxPayload: MESSAGE_BYTES,
  perMessageDeflate: false,
});
server.on("connection", (socket) => clients.add(new Client(socket)));
server.on("listening", listening);
setInterval(() => clients.forEach((client) => client.beat()), heartbeatMs);
