// The guides by their word: each block of docs/guides runs as it stands there, in an application
// of its kind, against the real server.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const VESTIBULE = process.env.VESTIBULE_BINARY ?? `${ROOT}target/debug/vestibule`;
const PYTHON = process.env.PYTHON ?? `${ROOT}target/venv/bin/python`;
const { WebSocket } = createRequire(`${ROOT}examples/`)("ws");
/** The environment without settings of the server. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("VESTIBULE_")),
);
/** The origin that the guides speak of. */
const ORIGIN = "https://app.example";
const PASSWORD = "sesame-sesame-sesame";

/** The only block of a guide in `language` that contains `word`. */
function block(guide, language, word) {
  const text = readFileSync(`${ROOT}docs/guides/${guide}.md`, "utf8");
  const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const found = blocks.filter(([, kind, body]) => kind === language && body.includes(word));
  assert.equal(found.length, 1, `${guide}.md has one block of ${language} with ${word}`);
  return found[0][2];
}

/** The text, in which `from` stands once, with `to` in its place. */
function once(text, from, to) {
  assert.equal(text.split(from).length, 2, `${from} stands once in ${text}`);
  return text.replace(from, () => to);
}

/** A page of the application: its cookies, its CSRF token, and the script of the guide. */
class Browser {
  cookies = new Map();

  constructor(application, script) {
    this.application = application;
    this.script = script;
  }

  /** What a browser would send: cookies and, with a POST, the origin of the page. */
  fetch = async (path, { method = "GET", headers = {}, body } = {}) => {
    const cookie = [...this.cookies].map((pair) => pair.join("=")).join("; ");
    const origin = method === "POST" ? { Origin: this.application.sends } : {};
    const answer = await fetch(new URL(path, this.application.url), {
      method,
      body,
      headers: { ...headers, ...origin, ...(cookie && { Cookie: cookie }) },
      redirect: "manual",
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      this.cookies.set(name, value);
    }
    return answer;
  };

  /** The `getToken` of the guide, as a page runs it whose document has these elements. */
  getToken(elements = {}) {
    const document = { querySelector: (selector) => elements[selector] };
    const location = { assign: (path) => (this.went = path) };
    const make = new Function("fetch", "document", "location", `${this.script}; return getToken;`);
    return make(this.fetch, document, location)();
  }
}

/** A folder with an application, the blocks of its guide, and Vestibule beside it. */
class Place {
  #running = [];

  constructor(guide) {
    this.guide = guide;
    this.folder = mkdtempSync(`${tmpdir()}/vestibule-guide-`);
    cpSync(`${ROOT}tests/guides/${guide}`, this.folder, { recursive: true });
    this.vestibule(["keygen"]);
    this.vestibule(["keygen", "--out", "directory-key"]);
  }

  vestibule(words) {
    execFileSync(VESTIBULE, words, { cwd: this.folder, env: ENVIRONMENT, stdio: "ignore" });
  }

  read = (name) => readFileSync(`${this.folder}/${name}`, "utf8");
  write = (name, text) => writeFileSync(`${this.folder}/${name}`, text);

  /** Starts a program, and waits for the line that has its address. */
  async start(program, args, env = {}) {
    const child = spawn(program, args, {
      cwd: this.folder,
      env: { ...ENVIRONMENT, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise((resolve) => {
      child.once("exit", resolve);
      child.once("error", ({ message }) => resolve(message));
    });
    this.#running.push(() => (child.kill("SIGTERM"), ended));
    for await (const line of createInterface({ input: child.stdout })) {
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
      if (address) return child.stdout.resume() && address[0];
    }
    throw new Error(`${program} ended with ${await ended}`);
  }

  /** Vestibule with the configuration of the guide, changed only where it speaks of this machine. */
  async serve(changes) {
    let config = once(block(this.guide, "toml", "[[issuer]]"), "127.0.0.1:7000", "127.0.0.1:0");
    for (const [from, to] of changes) config = once(config, from, to);
    // A look at whoever is inside each second instead of each minute.
    this.write("vestibule.toml", `${config}recheck_ms = 1000\ncache_ms = 0\n`);
    const args = ["serve", "--config", "vestibule.toml"];
    const child = spawn(VESTIBULE, args, {
      cwd: this.folder,
      env: ENVIRONMENT,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    this.#running.push(() => (child.kill("SIGTERM"), ended));
    let log = "";
    for await (const line of createInterface({ input: child.stderr })) {
      log += `${line}\n`;
      const { message, addr } = line.startsWith("{") ? JSON.parse(line) : {};
      if (message === "listening") {
        child.stderr.resume();
        return (this.socket = `ws://${addr}/ws`);
      }
    }
    throw new Error(`vestibule ended with ${await ended}: ${log}`);
  }

  /** Opens a socket with `token`: its first answer, and how it ends. */
  signIn(token, origin = ORIGIN) {
    const socket = new WebSocket(this.socket, "vestibule.v1", { origin });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const answer = new Promise((resolve, reject) => {
      socket.once("message", (data) => resolve(JSON.parse(data)));
      socket.once("error", reject);
    });
    socket.once("open", () => socket.send(JSON.stringify({ type: "auth", payload: token })));
    return answer.then((first) => ({ first, closed, socket }));
  }

  async stop() {
    await Promise.all(this.#running.map((end) => end()));
    rmSync(this.folder, { recursive: true });
  }
}

/** What holds for all of them. */
function follows(guide, kind) {
  const { way = "", signIn, elements, disable } = kind;
  describe(guide + way, () => {
    let place;
    let application;
    const script = block(guide, "js", "getToken");
    const opened = () => new Browser(application, script);
    before(async () => {
      place = new Place(guide);
      application = await kind.begin(place);
    });
    after(() => place?.stop());

    test("whoever is signed in gets in, by name and number", async () => {
      const browser = opened();
      await signIn(browser, "alice");
      const { first, socket } = await place.signIn(await browser.getToken(await elements(browser)));
      assert.equal(first.type, "auth_ok", JSON.stringify(first));
      assert.equal(first.user, "1");
      assert.ok(first.expires_in_ms > 290_000 && first.expires_in_ms <= 301_000, first.expires_in_ms);
      const { first: author, socket: other } = await place.signIn(
        await browser.getToken(await elements(browser)),
      );
      assert.equal(author.type, "auth_ok");
      const heard = new Promise((resolve) =>
        socket.on("message", (data) => {
          const got = JSON.parse(data);
          if (got.type === "joined") other.send('{"type":"message","room":"lobby","payload":"hello"}');
          if (got.type === "message") resolve(got);
        }),
      );
      other.send('{"type":"join","room":"lobby"}');
      socket.send('{"type":"join","room":"lobby"}');
      const { from, payload } = await heard;
      assert.deepEqual([from, payload], [{ user: "1", info: { name: "alice" } }, "hello"]);
      socket.close();
      other.close();
    });

    test("whoever is not is sent to sign in, and pages of others get nothing", async () => {
      const browser = opened();
      const there = await elements(browser);
      await assert.rejects(browser.getToken(there), /no token: 401/);
      assert.match(browser.went, /login/);
      await signIn(browser, "alice");
      const forged = await fetch(new URL("/chat-token", application.url), {
        method: "POST",
        headers: {
          Cookie: [...browser.cookies].map((pair) => pair.join("=")).join("; "),
          Origin: "https://evil.example",
        },
      });
      assert.ok(forged.status === 403 || forged.status === 422, `${forged.status}`);
      assert.ok(!(await forged.text()).includes("eyJ"));
    });

    test("who may be inside is told to whoever has the key", async () => {
      const ask = (key) =>
        fetch(new URL("/internal/chat-users", application.url), {
          method: "POST",
          headers: { "Content-Type": "application/json", ...(key && { Authorization: key }) },
          body: JSON.stringify({ kind: "user", issuer: ORIGIN, subject: "4711" }),
        });
      for (const key of [undefined, "Bearer ", "Bearer guessed"]) {
        assert.equal((await ask(key)).status, 401, key);
      }
      const answer = await ask(`Bearer ${place.read("directory-key").trimEnd()}`);
      assert.deepEqual([answer.status, await answer.json()], [200, { status: "unknown" }]);
    });

    test("a page of another origin cannot connect", async () => {
      const browser = opened();
      await signIn(browser, "alice");
      const token = await browser.getToken(await elements(browser));
      await assert.rejects(place.signIn(token, "https://evil.example"), /403/);
    });

    test("whoever is disabled is put out, and comes in no more", async () => {
      const browser = opened();
      await signIn(browser, "bob");
      const token = await browser.getToken(await elements(browser));
      const { first, closed } = await place.signIn(token);
      assert.equal(first.type, "auth_ok", JSON.stringify(first));
      await disable(place, application, "bob");
      assert.equal(await closed, 4410);
      const again = await place.signIn(token);
      assert.equal(again.first.code, "revoked");
      assert.equal(await again.closed, 4410);
    });
  });
}

const djangoPage = async (browser) => {
  const page = await (await browser.fetch("/accounts/login/")).text();
  const [, value] = /name="csrfmiddlewaretoken" value="(\w+)"/.exec(page);
  return { "[name=csrfmiddlewaretoken]": { value } };
};

const django = {
  async begin(place) {
    const append = (name, text) => place.write(name, `${place.read(name)}\n${text}`);
    append("settings.py", block("django", "python", "CHAT_SECRET, CHAT_KEY"));
    append("urls.py", block("django", "python", "urlpatterns"));
    place.write("chat.py", block("django", "python", "def chat_token"));
    execFileSync(PYTHON, ["run.py", "prepare"], { cwd: place.folder });
    const url = await place.start(PYTHON, ["run.py", "serve"]);
    await this.serve(place, url);
    return { url, sends: url };
  },
  serve: (place, url) => place.serve([["http://127.0.0.1:8000", url]]),
  async signIn(browser, name) {
    const { value } = (await djangoPage(browser))["[name=csrfmiddlewaretoken]"];
    const fields = { username: name, password: PASSWORD, csrfmiddlewaretoken: value };
    const body = new URLSearchParams(fields);
    const answer = await browser.fetch("/accounts/login/", { method: "POST", body });
    assert.equal(answer.status, 302);
  },
  elements: djangoPage,
  async disable(place, application, name) {
    execFileSync(PYTHON, ["run.py", "disable", name], { cwd: place.folder });
  },
};

follows("django", django);
follows("django", {
  ...django,
  way: ", whose table is read",
  serve(place) {
    place.write("directory-dsn", `sqlite:${place.folder}/db.sqlite3`);
    const [, callback] = block("django", "toml", "[[issuer]]").split(/(?=\[directory\])/);
    return place.serve([[callback, block("django", "toml", "dsn_file")]]);
  },
});

follows("express", {
  async begin(place) {
    symlinkSync(`${ROOT}examples/node_modules`, `${place.folder}/node_modules`);
    const blocks = ["/chat-token", "/internal/chat-users"].map((word) =>
      block("express", "js", `app.post("${word}`),
    );
    place.write("app.mjs", [place.read("app.mjs"), ...blocks].join("\n"));
    const url = await place.start("node", ["app.mjs"]);
    await place.serve([["http://127.0.0.1:8000", url]]);
    return { url, sends: ORIGIN };
  },
  async signIn(browser, name) {
    assert.equal((await browser.fetch(`/login/${name}`, { method: "POST" })).status, 204);
  },
  elements: async () => ({}),
  disable: (place, { url }, name) => fetch(`${url}/disable/${name}`, { method: "POST" }),
});

follows("rails", {
  async begin(place) {
    place.write("chat_controller.rb", block("rails", "ruby", "class ChatController"));
    place.write("routes.txt", block("rails", "ruby", 'to: "chat#token"'));
    const url = await place.start("puma", ["--bind", "tcp://127.0.0.1:0"], { RAILS_ENV: "production" });
    await place.serve([["http://127.0.0.1:3000", url]]);
    return { url, sends: url };
  },
  async signIn(browser, name) {
    assert.equal((await browser.fetch(`/login/${name}`, { method: "POST" })).status, 204);
  },
  async elements(browser) {
    const page = await (await browser.fetch("/")).text();
    const [, content] = /name="csrf-token" content="([^"]+)"/.exec(page);
    return { "meta[name=csrf-token]": { content } };
  },
  disable: (place, { url }, name) => fetch(`${url}/disable/${name}`, { method: "POST" }),
});
