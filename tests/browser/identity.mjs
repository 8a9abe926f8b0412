// What the test of examples/identity needs: the service, Vestibule, and nginx with TLS in front.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { PATIENCE_MS, ROOT, serve, start } from "./support.mjs";

const { WebSocket } = createRequire(`${ROOT}examples/`)("ws");
const EXAMPLE = `${ROOT}examples/identity`;
const BINARY = process.env.IDENTITY_BINARY ?? `${ROOT}target/debug/identity`;
const NGINX = process.env.NGINX ?? "/usr/sbin/nginx";
/** How often ports are chosen: between choice and start somebody else may take one. */
const TRIES = 5;

export const MINUTE = 60;
export const DAY = 24 * 60 * MINUTE;
/** The password of everybody. */
export const PASSWORD = "sesame-sesame-sesame";

/** A port that was free a moment ago. */
const freePort = () =>
  new Promise((resolve, reject) => {
    const holder = createServer().once("error", reject);
    holder.listen(0, "127.0.0.1", () => {
      const { port } = holder.address();
      holder.close(() => resolve(port));
    });
  });

/** A file of the example, with each of the texts, which stand in it, replaced by another. */
function changed(name, changes) {
  let text = readFileSync(`${EXAMPLE}/${name}`, "utf8");
  for (const [from, to] of changes) {
    assert.ok(text.includes(from), `${name} has no ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Everything behind one name with TLS, as the README of the example puts it together. */
export class Town {
  #folder = mkdtempSync(`${tmpdir()}/vestibule-identity-`);
  #running = [];

  static async open() {
    for (let tries = 1; ; tries += 1) {
      const town = new Town();
      try {
        await town.#open();
        return town;
      } catch (why) {
        await town.close();
        if (tries === TRIES) throw why;
      }
    }
  }

  async #open() {
    mkdirSync(this.#file("identity-data"));
    this.shift(0);
    this.#certificate();
    for (const name of ["alice", "bob", "carol", "dave", "erin"]) {
      const words = ["user", "add", name, "--email", `${name}@mail.example`, "--password-stdin"];
      this.identity(words, PASSWORD);
    }
    writeFileSync(this.#file("identity-data/directory.key"), "a-key-of-the-directory\n");
    const [port, inner] = [await freePort(), await freePort()];
    this.origin = `https://localhost:${port}`;
    this.url = `${this.origin}/`;
    const serving = ["serve", "--listen", "127.0.0.1:0", "--origin", this.origin];
    const to = ["--vestibule", `http://127.0.0.1:${inner}`];
    const key = ["--directory-key-file", this.#file("identity-data/directory.key")];
    const service = await start(BINARY, [...this.#data(), ...serving, ...to, ...key]);
    this.#running.push(service);
    await this.#vestibule(inner, service.addr);
    await this.#nginx(port, inner, service.addr);
  }

  async #vestibule(inner, service) {
    const config = changed("vestibule.toml", [
      ["127.0.0.1:7000", `127.0.0.1:${inner}`],
      ["127.0.0.1:8100", service],
      ["https://localhost:8443", this.origin],
      // A token that is over when a test begins gets in all the same, and hears so at once.
      ["[tickets]", "leeway_ms = 60000\n\n[tickets]"],
      // A look at whoever is inside each second instead of each minute.
      ["[directory]", "[directory]\nrecheck_ms = 1000\ncache_ms = 0"],
    ]);
    writeFileSync(this.#file("vestibule.toml"), config);
    this.#running.push(await serve(["serve", "--config", this.#file("vestibule.toml")]));
  }

  async #nginx(port, inner, service) {
    const config = changed("nginx.conf", [
      ["127.0.0.1:8443", `127.0.0.1:${port}`],
      ["127.0.0.1:7000", `127.0.0.1:${inner}`],
      ["127.0.0.1:8100", service],
      ["error_log stderr warn", "error_log stderr notice"],
    ]);
    writeFileSync(this.#file("nginx.conf"), config);
    const args = ["-p", this.#folder, "-e", "stderr", "-c", "nginx.conf"];
    const child = spawn(NGINX, args, { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    this.#running.push({ stop: () => (child.kill("SIGTERM"), ended) });
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.includes("start worker process ")) return child.stderr.resume();
    }
    throw new Error(`nginx ended with ${await ended}`);
  }

  #certificate() {
    const [key, certificate] = ["tls.key", "tls.crt"].map((name) =>
      this.#file(`identity-data/${name}`),
    );
    const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    execFileSync("openssl", [...kind, ...name, "-keyout", key, "-out", certificate], {
      stdio: "ignore",
    });
  }

  #file = (name) => `${this.#folder}/${name}`;
  #data = () => ["--data", this.#file("identity-data"), "--clock-file", this.#file("clock")];

  /** Moves the clock of the service so many seconds away from the machine's. */
  shift(seconds) {
    writeFileSync(this.#file("clock.new"), `${seconds}\n`);
    renameSync(this.#file("clock.new"), this.#file("clock"));
  }

  /** A command of the service, as its operator types it. */
  identity(words, input = "") {
    execFileSync(BINARY, [...this.#data(), ...words], { input, stdio: ["pipe", "ignore", "inherit"] });
  }

  /** The letters in the outbox. */
  letters() {
    try {
      return readFileSync(this.#file("identity-data/outbox"), "utf8").split("\n").slice(0, -1);
    } catch {
      return [];
    }
  }

  /** The code of the next letter behind `count` others. */
  async code(count) {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      const letter = this.letters()[count];
      if (letter) return /your code is (\d{6}),/.exec(letter)[1];
      await new Promise(setImmediate);
    }
    throw new Error("no letter came");
  }

  /** A request of somebody who has no browser. */
  post(path, body) {
    const options = {
      method: "POST",
      rejectUnauthorized: false,
      headers: { "Content-Type": "application/json" },
    };
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.url), options, async (answer) => {
        let text = "";
        for await (const chunk of answer) text += chunk;
        resolve({ status: answer.statusCode, body: text && JSON.parse(text) });
      });
      asked.once("error", reject).end(JSON.stringify(body));
    });
  }

  /** A socket of somebody who has no browser: its first answer, and how it ends. */
  async signIn(token) {
    const options = { origin: this.origin, rejectUnauthorized: false };
    const socket = new WebSocket(`${this.origin.replace("https", "wss")}/ws`, "vestibule.v1", options);
    const closed = once(socket, "close").then(([code]) => code);
    await once(socket, "open");
    socket.send(JSON.stringify({ type: "auth", payload: token }));
    const [data] = await once(socket, "message");
    return { first: JSON.parse(data), closed };
  }

  async close() {
    await Promise.all(this.#running.map((program) => program.stop()));
    rmSync(this.#folder, { recursive: true });
  }
}
