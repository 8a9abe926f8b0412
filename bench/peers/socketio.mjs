// A room server on Socket.IO, over WebSocket only.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { DEADLINE_MS, listening, MESSAGE_BYTES, settings, verify } from "./peer.mjs";

const { port, secret, heartbeatMs } = settings("socket.io");
const http = createServer();
const io = new Server(http, {
  connectTimeout: DEADLINE_MS,
  maxHttpBufferSize: MESSAGE_BYTES,
  perMessageDeflate: false,
  pingInterval: heartbeatMs,
  pingTimeout: 10_000,
  serveClient: false,
  transports: ["websocket"],
});

// Its guide to performance: the request of the handshake is kept for nobody.
io.engine.on("connection", (connection) => {
  connection.request = null;
});

io.use((socket, next) => {
  try {
    socket.data.user = verify(socket.handshake.auth.token, secret);
    next();
  } catch (error) {
    next(error);
  }
});

io.on("connection", (socket) => {
  socket.on("join", async (room, answer) => {
    await socket.join(room);
    if (typeof answer === "function") answer({ room });
  });
  socket.on("message", (message) => {
    const { room, payload } = Object(message);
    if (!socket.rooms.has(room)) return;
    io.to(room).emit("message", { room, from: { user: socket.data.user }, payload });
  });
});

http.listen({ host: "127.0.0.1", port, backlog: 4096 }, listening);
