// Credentials in the handshake in a real browser: what it sends by itself, for which page, and what
// a page gets to see of it. Over TLS, since cookies cross sites there alone.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createPages } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createServer as createTls } from "node:tls";
import { mint, PATIENCE_MS, SECRET, serve, settle } from "./support.mjs";

const ADMIN_KEY = "a-key-that-nobody-guesses";
/** Lets cookies cross sites, as browsers did for decades and many still do. */
const CROSSING = JSON.stringify({
  profile: { block_third_party_cookies: false, cookie_controls_mode: 0 },
});
const COOKIE = "vestibule_token";

/** A certificate for this machine, and its key. */
function certificate() {
  const dir = mkdtempSync(join(tmpdir(), "vestibule-browser-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(dir, name));
  execFileSync("openssl", [
    "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=localhost",
    "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert,
  ], { stdio: "ignore" });
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(dir, { recursive: true });
  return pair;
}

/** Waits until `server` listens; its port. */
const listen = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

/** TLS in front of a server; it keeps the first bytes of both sides of each connection. */
class Line {
  heads = [];
  upstream = undefined;

  static async lay(pair) {
    const line = new Line();
    line.server = createTls(pair, (client) => line.#forward(client));
    line.port = await listen(line.server);
    return line;
  }

  #forward(client) {
    const { hostname, port } = new URL(this.upstream);
    const server = connect(port, hostname);
    const head = { asked: "", answered: "" };
    this.heads.push(head);
    client.once("data", (bytes) => (head.asked = bytes.toString("latin1")));
    server.once("data", (bytes) => (head.answered = bytes.toString("latin1")));
    client.pipe(server);
    server.pipe(client);
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on("error", () => other.destroy());
    }
  }

  /** The last handshake from the page of this origin. */
  handshake = (origin) =>
    this.heads.findLast(
      ({ asked }) => asked.startsWith("GET /ws") && asked.includes(`\r\nOrigin: ${origin}\r\n`),
    );
}

/** What a page sees of a socket that it opens: up to the `wanted` message, or to its close. */
const open = (page, url, protocols = [], wanted = "auth_ok") =>
  page.evaluate(
    ([url, protocols, wanted]) =>
      new Promise((resolve) => {
        const socket = new WebSocket(url, protocols);
        const seen = [];
        socket.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          seen.push(message);
          if (message.type !== wanted) return;
          resolve({ seen, protocol: socket.protocol });
          socket.close(1000);
        };
        socket.onclose = ({ code, reason }) => resolve({ seen, code, reason });
      }),
    [url, protocols, wanted],
  );

describe("credentials in the handshake", () => {
  const pair = certificate();
  let server, line, pages, home, friend, foreign, site;

  before(async () => {
    line = await Line.lay(pair);
    pages = createPages(pair, (_, response) => {
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>a page</title>");
    });
    const port = await listen(pages);
    const other = createPages(pair, pages.listeners("request")[0]);
    friend = `https://localhost:${port}`;
    foreign = { port: await listen(other), server: other };
    home = `https://localhost:${line.port}`;
    site = `wss://localhost:${line.port}`;
    server = await serve(["serve"], {
      VESTIBULE_LISTEN: "127.0.0.1:0",
      VESTIBULE_DRAIN_MS: "200",
      VESTIBULE_DEMO: "true",
      VESTIBULE_ADMIN__LISTEN: "127.0.0.1:0",
      VESTIBULE_ADMIN__KEY: ADMIN_KEY,
      VESTIBULE_ISSUER__0__SECRET: SECRET,
      VESTIBULE_ROOMS__DEFAULT: "open",
      VESTIBULE_ROOMS__PATH: "/ws/chat/{room}",
      VESTIBULE_GATE__ORIGINS__0: home,
      VESTIBULE_GATE__ORIGINS__1: friend,
      VESTIBULE_TICKETS__ENABLED: "true",
      VESTIBULE_AUTH__SOURCES__COOKIE: "optional",
      VESTIBULE_AUTH__SOURCES__SUBPROTOCOL: "optional",
      VESTIBULE_AUTH__SOURCES__QUERY_TICKET: "optional",
    });
    line.upstream = server.url;
  });
  after(async () => {
    await server?.stop();
    for (const one of [line?.server, pages, foreign?.server]) one?.close();
  });

  /** A page of this origin, in a profile that has the cookie, or has none. */
  async function visit(origin, { cookie } = {}) {
    const folder = mkdtempSync(join(tmpdir(), "vestibule-profile-"));
    mkdirSync(join(folder, "Default"));
    writeFileSync(join(folder, "Default", "Preferences"), CROSSING);
    const context = await settle(folder);
    const end = async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    };
    context.setDefaultTimeout(PATIENCE_MS);
    if (cookie) {
      const rest = { domain: "localhost", path: "/", secure: true, httpOnly: true };
      await context.addCookies([{ name: COOKIE, value: cookie, sameSite: "None", ...rest }]);
    }
    const page = await context.newPage();
    await page.goto(`${origin}/`);
    return { page, end };
  }

  /** How many handshakes were refused for their origin. */
  async function strangers() {
    const headers = { Authorization: `Bearer ${ADMIN_KEY}` };
    const text = await (await fetch(`http://${server.admin}/metrics`, { headers })).text();
    const found = text.match(/^vestibule_handshakes_total\{[^}]*"origin"[^}]*\} (\d+)$/m);
    return Number(found?.[1] ?? 0);
  }

  test("a cookie signs its page in without a word", async () => {
    const { page, end } = await visit(home, { cookie: await mint("ann") });
    const { seen } = await open(page, `${site}/ws`, ["vestibule.v1"]);
    assert.deepEqual(seen.map(({ type, user }) => [type, user]), [["auth_ok", "ann"]]);
    await end();
  });

  for (const [name, host] of [["another origin of the site", "localhost"], ["another site", "127.0.0.1"]]) {
    test(`a page on ${name} gets nothing by the cookie that its browser sends`, async () => {
      const origin = `https://${host}:${foreign.port}`;
      const { page, end } = await visit(origin, { cookie: await mint("ann") });
      const refused = await strangers();
      const { seen, code } = await open(page, `${site}/ws`, ["vestibule.v1"]);
      assert.deepEqual([seen, code], [[], 1006]);
      const { asked, answered } = line.handshake(origin);
      assert.match(asked, new RegExp(`\r\nCookie: ${COOKIE}=ey`), "else this proves nothing");
      assert.match(answered, /^HTTP\/1\.1 403 [^]*"origin_not_allowed"/);
      assert.equal(await strangers(), refused + 1);
      await end();
    });
  }

  test("a page that is listed and has no cookie is asked for its first message", async () => {
    const { page, end } = await visit(friend);
    const token = await mint("ann");
    const user = await page.evaluate(
      ([url, payload]) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url, "vestibule.v1");
          socket.onopen = () => socket.send(JSON.stringify({ type: "auth", payload }));
          socket.onmessage = ({ data }) => resolve(JSON.parse(data).user);
        }),
      [`${site}/ws`, token],
    );
    assert.equal(user, "ann");
    await end();
  });

  test("a subprotocol carries a token, and another one is echoed", async () => {
    const { page, end } = await visit(friend);
    const offer = (token) => [
      "vestibule.v1",
      `base64url.bearer.authorization.vestibule.${Buffer.from(token).toString("base64url")}`,
    ];
    const { seen, protocol } = await open(page, `${site}/ws`, offer(await mint("ann")));
    assert.deepEqual([seen[0].type, seen[0].user, protocol], ["auth_ok", "ann", "vestibule.v1"]);
    const expired = offer(await mint("ann", "--claim", "exp=1000000000"));
    const { code, reason } = await open(page, `${site}/ws`, expired);
    assert.deepEqual([code, reason], [4412, "token_expired"], "a page can read why");
    await end();
  });

  test("a ticket is fetched from another origin and opens the room in the path, once", async () => {
    const { page, end } = await visit(friend);
    const fetched = async (token) =>
      page.evaluate(
        async ([url, token]) => {
          const headers = { Authorization: `Bearer ${token}` };
          const answer = await fetch(url, { method: "POST", headers });
          return [answer.status, await answer.json()];
        },
        [`${home}/ticket`, token],
      );
    const [status, { ticket, expires_in_ms: life }] = await fetched(await mint("ann"));
    assert.ok(status === 200 && life > 0 && life <= 60_000, `${status} ${life}`);
    const url = `${site}/ws/chat/team%3A1?ticket=${ticket}`;
    const { seen } = await open(page, url, ["vestibule.v1"], "joined");
    assert.deepEqual(seen.map(({ type }) => type), ["auth_ok", "joined"]);
    assert.deepEqual([seen[0].user, seen[1].room], ["ann", "team:1"]);
    const { code, reason } = await open(page, url, ["vestibule.v1"]);
    assert.deepEqual([code, reason], [4411, "token_invalid"]);
    const [refused, { error }] = await fetched("no.to.ken");
    assert.deepEqual([refused, error], [401, "token_invalid"], "a page can read this, too");
    await end();
  });

  test("a page that is not listed is told nothing of a ticket", async () => {
    const { page, end } = await visit(`https://127.0.0.1:${foreign.port}`);
    const told = await page.evaluate(
      ([url, token]) =>
        fetch(url, { method: "POST", headers: { Authorization: `Bearer ${token}` } }).then(
          () => "an answer",
          ({ name }) => name,
        ),
      [`${home}/ticket`, await mint("ann")],
    );
    assert.equal(told, "TypeError");
    await end();
  });
});
