// Signs in, joins a room, chats, loses the line, comes back: node client.mjs URL TOKEN [ROOM]
import { on, once } from "node:events";
import WebSocket from "ws"; // npm install ws

const [url, token, room = "lobby"] = process.argv.slice(2);
let since; // where we stopped: the room's epoch and the last seq
// Shows the room's messages up to the first of type `wanted`, and returns that one.
async function hear(ws, wanted) {
  const got = JSON.parse((await ws.inbox.next()).value[0]);
  if (got.type === "error") throw new Error(`${got.code}: ${got.message}`);
  if (got.seq && got.type === "message") since.seq = got.seq; // an ephemeral message has no seq
  if (got.type === "message") console.log(got.seq ?? "-", got.from.user, got.payload);
  return got.type === wanted ? got : hear(ws, wanted);
}

async function enter() {
  const ws = new WebSocket(url, "vestibule.v1");
  ws.inbox = on(ws, "message");
  await once(ws, "open");
  ws.send(JSON.stringify({ type: "auth", payload: token }));
  console.log("signed in as", (await hear(ws, "auth_ok")).user);
  ws.send(JSON.stringify({ type: "join", room, since }));
  const joined = await hear(ws, "joined");
  console.log("joined, recovered:", joined.recovered);
  if (!joined.recovered) since = { epoch: joined.epoch, seq: joined.seq };
  while (since.seq < joined.seq) await hear(ws, "message");
  return ws;
}

for (const line of ["hello", "I am back"]) {
  const ws = await enter();
  ws.send(JSON.stringify({ type: "message", room, payload: line }));
  await hear(ws, "message");
  if (line !== "hello") ws.close(1000);
  else {
    ws.terminate();
    console.log("the line is cut, press Enter to come back");
    await once(process.stdin, "data");
    process.stdin.pause();
  }
}
