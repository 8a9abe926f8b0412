// The demo page in a real browser: what two people see, at every size and in both themes.
//
// Nothing here waits for time to pass: every step waits for what it is about.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  dev,
  frames,
  hears,
  inside,
  launch,
  LOOKS,
  mint,
  production,
  say,
  show,
  verdict,
  Visit,
} from "./support.mjs";

/** From the 101 to the verdict on the server of the impatient, in milliseconds. */
const SHORT_DEADLINE_MS = 1_000;

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

describe("the demo page of vestibule dev", () => {
  let server;
  before(async () => (server = await dev()));
  after(() => server.stop());

  for (const look of Object.keys(LOOKS)) {
    test(`${look}: two people chat, one loses the line and catches up`, async () => {
      const visit = await Visit.begin(browser, server, look);
      const alice = await visit.open({ room: look });
      await visit.state(alice, "1-first-view");
      await alice.click("#sign-in .primary");
      await inside(alice);
      const [bob] = await Promise.all([visit.context.waitForEvent("page"), alice.click("#second")]);
      await inside(bob);
      assert.equal(await bob.textContent("#who"), "bob");

      await say(alice, "Is anybody here?");
      await hears(bob, "Is anybody here?");
      await say(bob, "I am.");
      await hears(alice, "I am.");
      await visit.state(alice, "2-conversation");
      await show(alice, "wire");
      await visit.state(alice, "3-wire");
      assert.deepEqual(await frames(alice), [
        ">auth", ">join", "<auth_ok", "<joined", ">message", "<ack", "<message", "<message",
      ]);

      await show(alice, "chat");
      await alice.click("#cut");
      await alice.waitForSelector("body[data-door=cut]");
      await visit.state(alice, "4-line-cut");
      await say(bob, "You are gone, are you not?");
      await say(bob, "I will wait.");
      // Said into the dark: it is kept, and arrives when the line is back.
      await alice.bringToFront();
      await alice.fill("#say", "Did I miss something?");
      await alice.press("#say", "Enter");
      await alice.click("#cut");
      await alice.locator(".missed", { hasText: "I will wait." }).waitFor();
      assert.equal(await alice.locator(".missed").count(), 2);
      assert.equal(await verdict(alice, "✓").then(({ name }) => name), "recovered: true");
      await hears(bob, "Did I miss something?");
      await alice.locator(".said:not(.pending)", { hasText: "Did I miss something?" }).waitFor();
      await visit.state(alice, "5-caught-up");
      await visit.end();
    });

    test(`${look}: every wrong way in shows its reason`, async () => {
      const visit = await Visit.begin(browser, server, look);
      const page = await visit.open({ room: look });
      await show(page, "wire");
      const cases = [
        ["expired", "4412", "token_expired", "refresh", />auth/],
        ["forged", "4411", "token_invalid", "refresh", />auth/],
        ["wrong", "4401", "auth_required", "never", />join/],
      ];
      for (const [knock, code, name, retry, said] of cases) {
        await page.click("#clear");
        await page.click(`[data-knock=${knock}]`);
        const shown = await verdict(page, code);
        assert.equal(shown.name, name);
        const words = [shown.meaning, shown.says, shown.next];
        assert.ok(words.every((part) => part.length > 5), words.join(" | "));
        await page.locator(".note.bad", { hasText: `${code} ${name}` }).waitFor();
        const [first, second] = await frames(page);
        assert.match(first, said);
        assert.equal(second, "<error");
        const json = await page.textContent(".frame.fatal .json");
        assert.equal(JSON.parse(json).retry, retry);
        await visit.state(page, `6-${knock}`);
      }
      await visit.end();
    });
  }

  test("a token is shown by its first characters only", async () => {
    const visit = await Visit.begin(browser, server);
    const page = await visit.context.newPage();
    let token;
    page.on("response", async (response) => {
      if (response.url().endsWith("/demo/token")) token = (await response.json()).token;
    });
    await page.goto(`${server.url}?as=carol&room=tokens`);
    await inside(page);
    const shown = await page.locator(".frame.client", { hasText: "auth" }).first().textContent();
    const short = `${token.slice(0, 12)}… [a token of ${token.length} characters]`;
    assert.ok(shown.includes(short), shown);
    const everything = await page.content();
    assert.ok(!everything.includes(token.split(".")[2]), "the signature stands on the page");
    assert.ok(!JSON.stringify(await visit.context.storageState()).includes(token));
    await visit.end();
  });

  test("a short token is refreshed over the same line", async () => {
    const visit = await Visit.begin(browser, server);
    const page = await visit.open({ as: "dora", room: "refresh" });
    await inside(page);
    await page.click("#clear");
    await page.click("#short");
    await page.locator(".frame", { hasText: "The newer token counts from now on" }).waitFor();
    assert.deepEqual(await frames(page), [
      ">auth", ">join", "<auth_ok", "<joined", "<auth_expiring", ">auth", "<auth_ok",
    ]);
    assert.equal(await page.textContent("#life"), "token good for 1 hour");
    await visit.state(page, "7-refreshed");
    await visit.end();
  });

  test("rooms are joined, counted, shown and left", async () => {
    const visit = await Visit.begin(browser, server);
    const [one, two] = [
      await visit.open({ as: "erin", room: "first" }),
      await visit.open({ as: "finn", room: "first" }),
    ];
    await inside(one);
    await inside(two);
    await one.fill("#room", "team:red");
    await one.press("#room", "Enter");
    await one.waitForSelector('#rooms [data-room="team:red"][aria-current]:not(.outside)');
    await say(two, "over here");
    await one.bringToFront();
    await one.locator('#rooms [data-room="first"] .count', { hasText: "1" }).waitFor();
    await one.click('#rooms [data-room="first"]');
    await hears(one, "over here");
    await visit.state(one, "8-rooms");
    await one.click("#leave");
    await one.locator(".frame", { hasText: "You have left first." }).waitFor();
    assert.equal(await one.locator("#rooms button").count(), 1);
    assert.equal(await one.textContent("#room-name"), "team:red");
    await one.click("#sign-out");
    await one.waitForSelector("#sign-in:not([hidden])");
    await visit.end();
  });

  test("the main path needs a keyboard and nothing else", async () => {
    const visit = await Visit.begin(browser, server);
    const page = await visit.open({ room: "keys" });
    const focused = () =>
      page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
    /** Presses Tab until `name` has the focus, and sees that it can be seen. */
    const tabTo = async (name) => {
      for (let presses = 0; presses < 40; presses += 1) {
        await page.keyboard.press("Tab");
        const outline = await page.evaluate(
          () => getComputedStyle(document.activeElement).outlineStyle,
        );
        assert.notEqual(outline, "none", `${await focused()} does not show its focus`);
        if ((await focused()) === name) return;
      }
      assert.fail(`${name} cannot be reached with Tab`);
    };
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the conversation");
    await page.keyboard.press("Enter");
    await tabTo("name");
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("gwen");
    await page.keyboard.press("Enter");
    await inside(page);
    assert.equal(await focused(), "say", "whoever came in can speak at once");
    await page.keyboard.type("said with keys");
    await page.keyboard.press("Enter");
    await page.locator(".said.mine:not(.pending)", { hasText: "said with keys" }).waitFor();
    await tabTo("Wrong first message");
    await page.keyboard.press("Enter");
    assert.equal((await verdict(page, "4401")).name, "auth_required");
    await page.keyboard.press("Shift+Tab");
    await tabTo("Wrong first message");
    await visit.state(page, "9-keyboard");
    await visit.end();
  });

  test("the chosen theme stays", async () => {
    const visit = await Visit.begin(browser, server);
    const page = await visit.open();
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.click("#theme");
    assert.equal(await page.textContent("#theme"), "Theme: light");
    assert.equal(await background(), light);
    await page.click("#theme");
    assert.equal(await page.textContent("#theme"), "Theme: dark");
    assert.notEqual(await background(), light);
    await page.reload();
    await page.waitForSelector("body[data-loaded]");
    assert.equal(await page.textContent("#theme"), "Theme: dark");
    await visit.end();
  });
});

describe("the demo page beside tokens of one's own", () => {
  let server;
  before(async () => (server = await production(SHORT_DEADLINE_MS)));
  after(() => server.stop());

  for (const look of ["desk-light", "phone-dark"]) {
    test(`${look}: it asks for a token, and says what is wrong with it`, async () => {
      const visit = await Visit.begin(browser, server, look);
      const page = await visit.open();
      assert.ok(!(await page.isVisible("#name")), "the name comes from the token");
      await visit.state(page, "a-token-wanted");
      const signIn = async (token) => {
        await page.fill("#token", token);
        await page.click("#sign-in .primary");
      };
      await signIn("not.a.token");
      assert.equal((await verdict(page, "4411")).name, "token_invalid");
      await page.waitForSelector("#sign-in:not([hidden])");
      assert.equal(await page.inputValue("#token"), "", "a refused token is not kept");
      await visit.state(page, "b-token-refused");
      await signIn(await mint("ann", "--claim", "exp=1000000000"));
      assert.equal((await verdict(page, "4412")).name, "token_expired");
      await page.waitForSelector("#sign-in:not([hidden])");
      await signIn(await mint("ann"));
      await inside(page);
      assert.equal(await page.textContent("#who"), "ann");
      await say(page, "I brought my own token.");
      await show(page, "wire");
      assert.ok(await page.isDisabled("[data-knock=expired]"));
      await page.click("[data-knock=forged]");
      assert.equal((await verdict(page, "4411")).name, "token_invalid");
      await visit.end();
    });

    test(`${look}: whoever says nothing hears when the time is over`, async () => {
      const visit = await Visit.begin(browser, server, look);
      const page = await visit.open();
      await show(page, "wire");
      await page.click("[data-knock=silent]");
      const shown = await verdict(page, "4408");
      assert.equal(shown.name, "auth_timeout");
      assert.deepEqual(await frames(page), ["<error"]);
      await visit.state(page, "c-no-token");
      await visit.end();
    });
  }

  test("a server that goes away says when to come back", async () => {
    const leaving = await production(10_000);
    const visit = await Visit.begin(browser, leaving);
    const page = await visit.open();
    await page.fill("#token", await mint("ann"));
    await page.click("#sign-in .primary");
    await inside(page);
    await leaving.stop();
    const shown = await verdict(page, "1012");
    assert.equal(shown.name, "restart");
    await page.waitForSelector("body[data-door=waiting]");
    assert.ok((await frames(page)).includes("<reconnect"));
    await visit.state(page, "d-server-gone");
    await visit.context.close();
  });
});
