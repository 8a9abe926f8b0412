// A room server on uWebSockets.js: rooms are its topics, and its own loop publishes.
import uWS from "uwebsockets";
import { DEADLINE_MS, listening, MESSAGE_BYTES, OUTBOX_BYTES, settings, verify } from "./peer.mjs";

const { port, secret, heartbeatMs } = settings("uwebsockets");
const decoder = new TextDecoder();

// It sends a Ping when the timeout is only a margin of 16, 8 or 4 seconds away (the widest that
// fits twice into what is left), and counts in steps of 4 seconds.
function idleTimeout(seconds) {
  const margin = [16, 8].find((wide) => seconds >= wide) ?? 4;
  return Math.min(960, Math.max(8, 4 * Math.round((seconds + margin) / 4)));
}

function open(socket) {
  const client = socket.getUserData();
  client.user = undefined;
  client.deadline = setTimeout(() => socket.end(4408), DEADLINE_MS);
}

function hear(socket, data, binary) {
  let message;
  try {
    message = Object(JSON.parse(decoder.decode(data)));
  } catch {
    return socket.end(4400);
  }
  if (binary) socket.end(1003);
  else if (socket.getUserData().user === undefined) signIn(socket, message);
  else if (message.type === "message") publish(socket, message);
  else if (message.type === "join") join(socket, message);
}

function signIn(socket, { type, payload }) {
  if (type !== "auth") return socket.end(4401);
  const client = socket.getUserData();
  try {
    client.user = verify(payload, secret);
  } catch {
    return socket.end(4411);
  }
  clearTimeout(client.deadline);
  client.deadline = undefined;
  socket.send(JSON.stringify({ type: "auth_ok", user: client.user }));
}

function join(socket, { room, id }) {
  socket.subscribe(room);
  socket.send(JSON.stringify({ type: "joined", id, room }));
}

function publish(socket, { room, payload }) {
  if (!socket.isSubscribed(room)) return;
  const from = { user: socket.getUserData().user };
  app.publish(room, JSON.stringify({ type: "message", room, from, payload }));
}

const app = uWS.App().ws("/*", {
  closeOnBackpressureLimit: true,
  compression: uWS.DISABLED,
  idleTimeout: idleTimeout(heartbeatMs / 1000),
  maxBackpressure: OUTBOX_BYTES,
  maxPayloadLength: MESSAGE_BYTES,
  sendPingsAutomatically: true,
  open,
  message: hear,
  close: (socket) => clearTimeout(socket.getUserData().deadline),
});
app.listen("127.0.0.1", port, uWS.LIBUS_LISTEN_EXCLUSIVE_PORT, (listener) => {
  if (listener) return listening();
  console.error(`uwebsockets cannot listen on port ${port}`);
  process.exit(1);
});
