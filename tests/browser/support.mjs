// What the browser test needs: the binary, the browser, and pages that must not complain.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = process.env.VESTIBULE_BINARY ?? `${ROOT}target/debug/vestibule`;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Where screenshots are kept. */
export const SHOTS = `${ROOT}target/browser`;
/** How long anything may take before the test fails, in milliseconds; far beyond what it takes. */
export const PATIENCE_MS = 30_000;
/** The secret of the servers that sign no tokens themselves. */
export const SECRET = "sesame-sesame-sesame-sesame-sesame";

mkdirSync(SHOTS, { recursive: true });

/** The environment without settings of our own. */
function environment(more) {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("VESTIBULE_"));
  return { ...Object.fromEntries(inherited), ...more };
}

/** Starts the server, and waits until it listens. */
export const serve = (args, more = {}) => start(BINARY, args, more);

/** Starts a program that says in JSON on standard error where it listens, and waits for that. */
export async function start(binary, args, more = {}) {
  const stdio = ["ignore", "ignore", "pipe"];
  const child = spawn(binary, args, { env: environment(more), stdio });
  const ended = new Promise((resolve) => {
    child.once("exit", resolve);
    child.once("error", ({ message }) => resolve(message));
  });
  for await (const line of createInterface({ input: child.stderr })) {
    const { message, addr, admin } = JSON.parse(line);
    if (message === "listening") {
      child.stderr.resume();
      const stop = () => {
        child.kill("SIGTERM");
        return ended;
      };
      return { addr, admin, url: `http://${addr}/`, stop };
    }
  }
  throw new Error(`${binary} ended with ${await ended} before it listened`);
}

/** `vestibule dev` on a port of the system's choice. */
export const dev = () => serve(["dev", "--listen", "127.0.0.1:0"]);

/** A server with a configuration of its own, and the page: nobody is given a token there. */
export const production = (deadlineMs) =>
  serve(["serve"], {
    VESTIBULE_LISTEN: "127.0.0.1:0",
    VESTIBULE_DEMO: "true",
    VESTIBULE_DRAIN_MS: "200",
    VESTIBULE_AUTH__DEADLINE_MS: String(deadlineMs),
    VESTIBULE_ISSUER__0__SECRET: SECRET,
    VESTIBULE_ROOMS__DEFAULT: "open",
  });

/** A token as a person gets it: from the command line. */
export async function mint(sub, ...more) {
  const args = ["token", "mint", "--secret-env", "SECRET", "--sub", sub, ...more];
  const child = spawn(BINARY, args, {
    env: environment({ SECRET }),
    stdio: ["ignore", "pipe", "ignore"],
  });
  let token = "";
  for await (const chunk of child.stdout) token += chunk;
  assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return token.trim();
}

/** Debian's Chromium, without a sandbox (root has none) and without talk to anybody else. */
const OPTIONS = {
  executablePath: CHROMIUM,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

export const launch = () => chromium.launch(OPTIONS);

/** The same with the profile in `folder`, and so with its preferences. It takes every certificate. */
export const settle = (folder) =>
  chromium.launchPersistentContext(folder, { ...OPTIONS, ignoreHTTPSErrors: true });

/** The ways to look at the page. */
export const LOOKS = {
  "desk-light": { viewport: { width: 1440, height: 900 }, colorScheme: "light" },
  "desk-dark": { viewport: { width: 1440, height: 900 }, colorScheme: "dark" },
  "half-light": { viewport: { width: 720, height: 860 }, colorScheme: "light" },
  "phone-light": { viewport: { width: 375, height: 740 }, colorScheme: "light" },
  "phone-dark": { viewport: { width: 375, height: 740 }, colorScheme: "dark" },
};

/** A browser profile of its own, whose pages are listened to for complaints. */
export class Visit {
  complaints = [];
  #axe = readFileSync(createRequire(import.meta.url).resolve("axe-core"), "utf8");

  static async begin(browser, server, look = "desk-light", more = {}) {
    const visit = new Visit();
    visit.look = look;
    visit.server = server;
    visit.context = await browser.newContext({
      ...LOOKS[look],
      reducedMotion: "reduce",
      ...more,
    });
    visit.context.setDefaultTimeout(PATIENCE_MS);
    visit.context.on("page", (page) => visit.#listen(page));
    return visit;
  }

  #listen(page) {
    const complain = (text) => this.complaints.push(text);
    page.on("pageerror", (error) => complain(`error: ${error.message}`));
    page.on("console", (message) => {
      // A violation of the Content-Security-Policy is an error on the console, too.
      if (["error", "warning"].includes(message.type())) complain(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(this.server.url)) complain(`asks ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) complain(`${response.status()} ${response.url()}`);
    });
  }

  /** Takes complaints back that were meant to come; there must be one. */
  forgive(pattern) {
    const left = this.complaints.filter((complaint) => !pattern.test(complaint));
    assert.ok(left.length < this.complaints.length, `no complaint is like ${pattern}`);
    this.complaints = left;
  }

  /** Opens the page and waits until it can be used. */
  async open(query = {}) {
    const page = await this.context.newPage();
    await page.goto(`${this.server.url}?${new URLSearchParams(query)}`);
    await page.waitForSelector("body[data-loaded]");
    return page;
  }

  /** Keeps a picture of the state, and looks for what nobody should see. */
  async state(page, name) {
    await page.bringToFront();
    await page.screenshot({ path: `${SHOTS}/${this.look}-${name}.png` });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${this.look} ${name}: scrolls sideways by ${wide} px`);
    await page.evaluate(this.#axe);
    const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"];
    const { violations } = await page.evaluate((runOnly) => globalThis.axe.run({ runOnly }), rules);
    const found = violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
    );
    assert.deepEqual(found, [], `${this.look} ${name}: accessibility`);
  }

  /** Ends it: nothing may have been complained about. */
  async end() {
    await this.context.close();
    assert.deepEqual(this.complaints, [], `${this.look}: complaints of the browser`);
  }
}

/** Waits until the page is signed in and in its room. */
export async function inside(page) {
  await page.waitForSelector("body[data-door=ready]");
  await page.waitForSelector("#rooms button[aria-current]:not(.outside)");
}

/** Shows a view, where only one of them is in sight. */
export async function show(page, view) {
  await page.bringToFront();
  const button = page.locator(`[data-shows=${view}]`);
  if (await button.isVisible()) await button.click();
}

/** Says something, and waits until the room has heard it. */
export async function say(page, text) {
  // A page behind another one is drawn rarely, and every click waits for that.
  await page.bringToFront();
  await page.fill("#say", text);
  await page.press("#say", "Enter");
  await page.locator(".said:not(.pending)", { hasText: text }).waitFor();
}

/** Waits until somebody else's words are there. */
export const hears = (page, text) => page.locator(".said", { hasText: text }).waitFor();

/** Waits for a verdict and tells its parts. */
export async function verdict(page, code) {
  await page.locator("#verdict-code", { hasText: code }).waitFor();
  const part = (name) => page.locator(`#verdict-${name}`).textContent();
  return {
    name: await part("name"),
    meaning: await part("meaning"),
    says: await part("message"),
    next: await part("do"),
  };
}

/** The types of frames that the wire shows, in order: `>auth` from the client, `<auth_ok` back. */
export const frames = (page) =>
  page.$$eval("#frames .frame", (entries) =>
    entries.map((entry) => {
      const arrow = entry.classList.contains("client") ? ">" : "<";
      return arrow + entry.querySelector(".type").textContent;
    }),
  );
