// The life of a login (examples/identity) in a real browser, behind nginx with TLS.
//
// Five minutes and seven days pass by moving the clock of the service; nothing waits for time.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DAY, MINUTE, PASSWORD, Town } from "./identity.mjs";
import { launch, Visit } from "./support.mjs";

let browser;
let town;
before(async () => {
  browser = await launch();
  town = await Town.open();
});
after(async () => {
  await browser?.close();
  await town?.close();
});

const visit = (look, more = {}) =>
  Visit.begin(browser, town, look, { ignoreHTTPSErrors: true, ...more });

/** The frames of all sockets that the page opens: `[direction, message]`, and how many there are. */
function wire(page) {
  const seen = { sockets: 0, frames: [] };
  page.on("websocket", (socket) => {
    seen.sockets += 1;
    const note = (way) => ({ payload }) => seen.frames.push([way, JSON.parse(payload)]);
    socket.on("framesent", note(">"));
    socket.on("framereceived", note("<"));
  });
  seen.types = () => seen.frames.map(([way, { type }]) => way + type);
  seen.first = (way, type) => seen.frames.find((it) => it[0] === way && it[1].type === type)?.[1];
  return seen;
}

const ready = (page) => page.waitForSelector("body[data-door=ready]");
const hears = (page, text) => page.locator("#talk li", { hasText: text }).first().waitFor();

async function say(page, text) {
  await page.bringToFront();
  await page.fill("#say input", text);
  await page.press("#say input", "Enter");
}

async function byPassword(page, user) {
  await page.fill("#password [name=user]", user);
  await page.fill("#password [name=password]", PASSWORD);
  await page.click("#password .primary");
}

/** Asks for a code and types it in. */
async function byCode(page, user) {
  const before = town.letters().length;
  await page.fill("#ask [name=user]", user);
  await page.click("#ask .primary");
  await page.locator("#verify").waitFor();
  await page.fill("#verify [name=code]", await town.code(before));
  await page.click("#verify .primary");
}

/** The claims of a token, which nobody here checks: Vestibule does. */
const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

/** Lets `meanwhile` happen when the page asks for `path`, before the service hears of it. */
const when = (page, path, meanwhile) =>
  page.route(`**${path}`, async (route) => {
    await meanwhile();
    await route.continue();
  });

describe("with a one-time code", () => {
  for (const look of ["desk-light", "phone-dark"]) {
    test(`${look}: two steps, a cookie, a ticket in the page, the socket, the way out`, async () => {
      town.shift(0);
      const guest = await visit(look);
      const page = await guest.open();
      const seen = wire(page);
      await guest.state(page, "identity-1-sign-in");

      const before = town.letters().length;
      await page.fill("#ask [name=user]", "alice@mail.example");
      await page.press("#ask [name=user]", "Enter");
      await page.locator("#verify").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.name), "code");
      await guest.state(page, "identity-2-code");
      const code = await town.code(before);
      const wrong = code === "000000" ? "000001" : "000000";
      await page.fill("#verify [name=code]", wrong);
      await page.press("#verify [name=code]", "Enter");
      await page.locator("#code-says.bad", { hasText: "That is not the code" }).waitFor();
      guest.forgive(/401/);
      await guest.state(page, "identity-3-wrong");

      const source = page.waitForResponse(`${town.origin}/app`);
      await page.fill("#verify [name=code]", `${code.slice(0, 3)} ${code.slice(3)}`);
      await page.press("#verify [name=code]", "Enter");
      const [, ticket] = /data-ticket="(vt_[\w-]+)"/.exec(await (await source).text());
      await page.waitForURL("**/app");
      await ready(page);
      assert.deepEqual(seen.types().slice(0, 4), [">auth", ">join", "<auth_ok", "<joined"]);
      assert.equal(seen.first(">", "auth").payload, ticket, "the first message is the ticket");
      assert.equal(seen.first("<", "auth_ok").user, "alice");
      const [cookie, ...others] = await guest.context.cookies();
      assert.deepEqual(others, []);
      const { name, domain, path, secure, httpOnly, sameSite } = cookie;
      assert.deepEqual(
        { name, domain, path, secure, httpOnly, sameSite },
        {
          name: "__Host-session",
          domain: "localhost",
          path: "/",
          secure: true,
          httpOnly: true,
          sameSite: "Lax",
        },
      );
      const left = cookie.expires - Date.now() / 1_000;
      assert.ok(left > 7 * DAY - MINUTE && left <= 7 * DAY, `it lives for ${left} s`);
      assert.equal(await page.evaluate(() => document.cookie), "");
      const html = await page.content();
      assert.ok(!html.includes(ticket), "the spent ticket is gone from the page");

      await say(page, `hello from ${look}`);
      await hears(page, `hello from ${look}`);
      await guest.state(page, "identity-4-inside");

      await page.click("#out");
      await page.waitForURL(town.url);
      assert.deepEqual(await guest.context.cookies(), []);
      await page.goto(`${town.origin}/app`);
      assert.equal(page.url(), town.url, "outside again");
      await guest.context.addCookies([cookie]);
      await page.goto(`${town.origin}/app`);
      assert.equal(page.url(), town.url, "a copy of the cookie opens nothing");
      await guest.end();
    });
  }

  test("after five minutes the next ticket goes over the same socket", async () => {
    const guest = await visit();
    const page = await guest.open();
    const seen = wire(page);
    town.shift(-5 * MINUTE);
    // The ticket of the page stands for a token that is just over: the page hears so at once.
    await when(page, "/app/ticket", () => town.shift(0));
    await byCode(page, "alice");
    await hears(page, "The session goes on until");
    assert.equal(seen.sockets, 1);
    assert.deepEqual(seen.types(), [
      ">auth", ">join", "<auth_ok", "<auth_expiring", "<joined", ">auth", "<auth_ok",
    ]);
    const [one, two] = seen.frames.filter(([way, { type }]) => way === ">" && type === "auth");
    assert.match(two[1].payload, /^vt_/);
    assert.notEqual(one[1].payload, two[1].payload);
    const [first, second] = seen.frames.filter(([, { type }]) => type === "auth_ok");
    assert.equal(second[1].refreshed, true);
    const gained = second[1].expires_at_ms - first[1].expires_at_ms;
    assert.ok(gained >= 5 * MINUTE * 1_000 && gained < 6 * MINUTE * 1_000, `${gained} ms`);
    await guest.end();
  });

  test("a page that is loaded again has a fresh ticket, and so has a second one", async () => {
    town.shift(0);
    const guest = await visit();
    const page = await guest.open();
    const seen = wire(page);
    await byCode(page, "bob");
    await ready(page);
    await page.reload();
    await ready(page);
    const other = await guest.context.newPage();
    const seenThere = wire(other);
    await other.goto(`${town.origin}/app`);
    await ready(other);
    const frames = [...seen.frames, ...seenThere.frames];
    const shown = frames.filter(([way, { type }]) => way === ">" && type === "auth");
    assert.equal(new Set(shown.map(([, { payload }]) => payload)).size, 3);
    await guest.end();
  });

  test("seven days after the login the page is outside, whatever it asks for", async () => {
    const guest = await visit();
    const page = await guest.open();
    const seen = wire(page);
    town.shift(-7 * DAY);
    await when(page, "/app", () => town.shift(-5));
    await when(page, "/app/ticket", () => town.shift(0));
    await byCode(page, "alice");
    await page.waitForURL(town.url);
    guest.forgive(/401/);
    const ok = seen.first("<", "auth_ok");
    assert.ok(ok.expires_at_ms <= Date.now() + 5_000 + 60_000, "the last token ended with the session");
    assert.ok(seen.types().includes("<auth_expiring"), seen.types().join());
    await page.unroute("**/app");
    await page.goto(`${town.origin}/app`);
    assert.equal(page.url(), town.url);
    await guest.end();
  });

  test("whoever signs out in one page is put out of the others", async () => {
    town.shift(0);
    const guest = await visit();
    const page = await guest.open();
    await byCode(page, "dave");
    await ready(page);
    const other = await guest.context.newPage();
    const seen = wire(other);
    await other.goto(`${town.origin}/app`);
    await ready(other);
    await page.bringToFront();
    await page.click("#out");
    await page.waitForURL(town.url);
    await other.waitForURL(town.url);
    assert.equal(seen.first("<", "error").code, "revoked");
    await guest.end();
  });

  test("a page of another site changes nothing", async () => {
    town.shift(0);
    // The foreign page is one of the service's, without the policy that would stop it first.
    const guest = await visit("desk-light", { bypassCSP: true });
    const page = await guest.open();
    await byCode(page, "alice");
    await ready(page);
    // Another host: to the browser a site that is not this one.
    const foreign = await guest.context.newPage();
    await foreign.goto(town.url.replace("localhost", "127.0.0.1"));
    for (const path of ["/logout", "/app/ticket"]) {
      const sent = await foreign.evaluate(
        (url) =>
          fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body: "{}" }).then(
            ({ type }) => type,
          ),
        town.origin + path,
      );
      assert.equal(sent, "opaque");
    }
    guest.forgive(/asks https:\/\/127/);
    guest.forgive(/403/);
    await page.reload();
    await ready(page);
    await guest.end();
  });
});

describe("with a password", () => {
  test("two people talk, and after five minutes a refreshed token goes over the same socket", async () => {
    const guest = await visit();
    const page = await guest.open();
    const seen = wire(page);
    const pairs = [];
    page.on("response", async (response) => {
      if (/\/(login|refresh)$/.test(response.url())) pairs.push(await response.json());
    });
    town.shift(-5 * MINUTE);
    await when(page, "/refresh", () => town.shift(0));
    await byPassword(page, "alice");
    await hears(page, "The session goes on until");
    assert.equal(seen.sockets, 1);
    const [first, second] = pairs.map((pair) => claims(pair.access_token));
    const between = second.iat - first.iat;
    assert.ok(between >= 5 * MINUTE && between < 6 * MINUTE, `${between} s`);
    assert.equal(second.sid, first.sid);
    assert.equal(second.orig_iat, first.orig_iat);
    assert.notEqual(pairs[0].refresh_token, pairs[1].refresh_token);
    const stored = await page.evaluate(() => [localStorage.length, sessionStorage.length]);
    assert.deepEqual(stored, [0, 0], "tokens stay in the memory of the page");
    await guest.state(page, "identity-5-password");

    const friend = await visit();
    const other = await friend.open();
    await byPassword(other, "bob");
    await ready(other);
    await say(page, "hello, bob");
    await hears(other, "alice hello, bob");
    await say(other, "hello, alice");
    await hears(page, "bob hello, alice");
    await other.click("#out");
    await other.locator("#password-says", { hasText: "You are signed out." }).waitFor();
    await friend.end();
    await guest.end();
  });

  test("a wrong password is refused in words", async () => {
    town.shift(0);
    const guest = await visit();
    const page = await guest.open();
    await page.fill("#password [name=user]", "alice");
    await page.fill("#password [name=password]", "not-sesame");
    await page.click("#password .primary");
    await page.locator("#password-says.bad", { hasText: "Wrong" }).waitFor();
    guest.forgive(/401/);
    await guest.end();
  });

  test("a stolen refresh token used twice ends the family", async () => {
    const guest = await visit();
    const page = await guest.open();
    let stolen;
    let thief;
    const login = page.waitForResponse("**/login");
    town.shift(-5 * MINUTE);
    // Before the page asks for its first refresh, the thief has been there.
    await when(page, "/refresh", async () => {
      town.shift(0);
      const { refresh_token } = await (await login).json();
      stolen = await town.post("/refresh", { refresh_token });
      assert.equal(stolen.status, 200, "nobody can tell yet");
      thief = await town.signIn(stolen.body.access_token);
      assert.equal(thief.first.user, "carol");
    });
    await byPassword(page, "carol");
    await page.locator("#password-says", { hasText: "You are signed out." }).waitFor();
    guest.forgive(/401/);
    assert.equal(await thief.closed, 4410, "the directory has put the thief out");
    const { refresh_token } = stolen.body;
    assert.equal((await town.post("/refresh", { refresh_token })).status, 401, "the thief is out");
    await guest.end();
  });

  test("whoever is disabled is put out, and comes in no more", async () => {
    town.shift(0);
    const guest = await visit();
    const page = await guest.open();
    const seen = wire(page);
    await byPassword(page, "erin");
    await ready(page);
    town.identity(["user", "disable", "erin"]);
    await page.locator("#password-says", { hasText: "You are signed out." }).waitFor();
    assert.equal(seen.first("<", "error").code, "revoked");
    await byPassword(page, "erin");
    await page.locator("#password-says.bad", { hasText: "Wrong" }).waitFor();
    guest.forgive(/401/);
    await guest.end();
  });

  test("seven days after the login no refresh helps", async () => {
    const guest = await visit();
    const page = await guest.open();
    let refreshes = 0;
    town.shift(-7 * DAY);
    // The first token is long over when the socket opens; the second one is the last.
    await when(page, "/refresh", () => {
      refreshes += 1;
      town.shift(refreshes === 1 ? -5 : 0);
    });
    const seen = wire(page);
    await byPassword(page, "bob");
    await page.locator("#password-says", { hasText: "You are signed out." }).waitFor();
    guest.forgive(/401/);
    assert.equal(refreshes, 2);
    assert.equal(seen.first("<", "error").code, "token_expired");
    assert.ok(seen.types().includes("<auth_expiring"), seen.types().join());
    await guest.end();
  });
});
