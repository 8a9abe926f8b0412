// Each server does what the benchmark asks of it: npm test
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import jwt from "jsonwebtoken";
import WebSocket from "ws";

const SECRET = "a secret of this test, long enough for HS256";
const PATIENCE = { timeout: 20_000 };
const ROOMS = "a message reaches every member, the author too, and nobody else";
const TOKENS = "nobody gets in without a good token";

const token = (user, options) => jwt.sign({ sub: user }, SECRET, { expiresIn: 60, ...options });

const WRONG_TOKENS = {
  "another secret": jwt.sign({ sub: "eve" }, `${SECRET}!`, { expiresIn: 60 }),
  expired: token("eve", { expiresIn: -1 }),
  "another algorithm": token("eve", { algorithm: "HS384" }),
  unsigned: jwt.sign({ sub: "eve" }, "", { algorithm: "none" }),
  "no token": "x",
  "no user": jwt.sign({}, SECRET, { expiresIn: 60 }),
};

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function start(t, name) {
  const port = await freePort();
  const env = { ...process.env, PORT: String(port), SECRET, HEARTBEAT_S: "1" };
  const script = new URL(`${name}.mjs`, import.meta.url).pathname;
  const server = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => server.kill());
  assert.equal(String((await once(server.stdout, "data"))[0]), "listening\n");
  return port;
}

// A socket whose texts can be waited for one by one.
async function connect(url) {
  const socket = new WebSocket(url);
  const inbox = [];
  let wake = () => {};
  socket.on("message", (data, binary) => {
    assert.equal(binary, false);
    inbox.push(String(data));
    wake();
  });
  const closed = once(socket, "close").then(([code]) => code);
  await once(socket, "open");
  const next = async () => {
    while (inbox.length === 0) await new Promise((resolve) => (wake = resolve));
    return inbox.shift();
  };
  return { socket, next, closed, say: (text) => socket.send(text) };
}

async function plainClient(port) {
  const client = await connect(`ws://127.0.0.1:${port}/`);
  const say = (message) => client.say(JSON.stringify(message));
  return { ...client, say, next: async () => JSON.parse(await client.next()) };
}

async function signedIn(port, user) {
  const client = await plainClient(port);
  client.say({ type: "auth", payload: token(user) });
  assert.deepEqual(await client.next(), { type: "auth_ok", user });
  return client;
}

async function inRoom(port, user, room) {
  const client = await signedIn(port, user);
  client.say({ type: "join", room });
  assert.deepEqual(await client.next(), { type: "joined", room });
  return client;
}

for (const name of ["ws", "uws"]) {
  test(`${name}: ${ROOMS}`, PATIENCE, async (t) => {
    const port = await start(t, name);
    const ann = await inRoom(port, "ann", "red");
    const bob = await inRoom(port, "bob", "red");
    const eve = await inRoom(port, "eve", "blue");
    eve.say({ type: "message", room: "red", payload: "I am no member" });
    eve.say({ type: "message", room: "blue", payload: "hello, me" });
    assert.equal((await eve.next()).payload, "hello, me");
    for (const payload of ["1", "2"]) ann.say({ type: "message", room: "red", payload });
    for (const member of [ann, bob]) {
      for (const payload of ["1", "2"]) {
        const expected = { type: "message", room: "red", from: { user: "ann" }, payload };
        assert.deepEqual(await member.next(), expected);
      }
    }
    bob.socket.close();
    await bob.closed;
    ann.say({ type: "message", room: "red", payload: "3" });
    assert.equal((await ann.next()).payload, "3");
  });

  test(`${name}: ${TOKENS}`, PATIENCE, async (t) => {
    const port = await start(t, name);
    for (const [what, payload] of Object.entries(WRONG_TOKENS)) {
      const client = await plainClient(port);
      client.say({ type: "auth", payload });
      assert.equal(await client.closed, 4411, what);
    }
    const hasty = await plainClient(port);
    hasty.say({ type: "join", room: "red" });
    assert.equal(await hasty.closed, 4401);
    for (const [text, code] of [["null", 4401], ["{", 4400]]) {
      const babbler = await plainClient(port);
      babbler.socket.send(text);
      assert.equal(await babbler.closed, code, text);
    }
  });

  test(`${name}: it looks for signs of life, and compresses nothing`, PATIENCE, async (t) => {
    const port = await start(t, name);
    const ann = await signedIn(port, "ann");
    assert.equal(ann.socket.extensions, "");
    await once(ann.socket, "ping");
  });
}

async function packetClient(port, handshake) {
  const client = await connect(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
  assert.match(await client.next(), /^0\{/);
  client.say(`40${JSON.stringify({ token: handshake })}`);
  return client;
}

test(`socketio: ${ROOMS}`, PATIENCE, async (t) => {
  const port = await start(t, "socketio");
  const clients = [];
  for (const [user, room] of [["ann", "red"], ["bob", "red"], ["eve", "blue"]]) {
    const client = await packetClient(port, token(user));
    assert.match(await client.next(), /^40\{"sid"/);
    client.say(`420["join","${room}"]`);
    assert.equal(await client.next(), `430[{"room":"${room}"}]`);
    clients.push(client);
  }
  const [ann, bob, eve] = clients;
  const message = (room, payload) => `42["message",${JSON.stringify({ room, payload })}]`;
  eve.say(message("red", "I am no member"));
  eve.say('42["message"]');
  eve.say(message("blue", "hello, me"));
  ann.say(message("red", "1"));
  const heard = (room, user, payload) =>
    `42["message",${JSON.stringify({ room, from: { user }, payload })}]`;
  const next = async (client) => {
    const packet = await client.next();
    return packet === "2" ? next(client) : packet; // its own kind of Ping
  };
  assert.equal(await next(eve), heard("blue", "eve", "hello, me"));
  for (const member of [ann, bob]) assert.equal(await next(member), heard("red", "ann", "1"));
  assert.equal(await ann.next(), "2");
});

test(`socketio: ${TOKENS}`, PATIENCE, async (t) => {
  const port = await start(t, "socketio");
  for (const [what, handshake] of Object.entries(WRONG_TOKENS)) {
    const client = await packetClient(port, handshake);
    assert.match(await client.next(), /^44\{/, what);
    client.socket.terminate();
  }
});
