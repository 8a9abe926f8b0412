// Signing in: with a password, as an app does, or with a code, as a website does.

import { ask, SignedOut, stay } from "/socket.js";

const at = (id) => document.getElementById(id);
const says = (id, text, bad = false) => {
  at(id).textContent = text;
  at(id).classList.toggle("bad", bad);
};

/** Does `work` for a form, once at a time, and shows what went wrong. */
const on = (form, place, work) => {
  at(form).onsubmit = async (event) => {
    event.preventDefault();
    const button = at(form).querySelector(".primary");
    button.disabled = true;
    says(place, "");
    try {
      await work(at(form));
    } catch (why) {
      says(place, why.message, true);
    } finally {
      button.disabled = false;
    }
  };
};

// --- with a password ---

on("password", "password-says", async (form) => {
  const user = form.user.value;
  let pair = await ask("/login", { user, password: form.password.value });
  form.reset();
  let fresh = true;

  // One refresh at a time: a refresh token that comes twice ends the session.
  let refreshing;
  const credential = () =>
    (refreshing ??= (async () => {
      if (!fresh) pair = await ask("/refresh", { refresh_token: pair.refresh_token });
      fresh = false;
      return pair.access_token;
    })().finally(() => (refreshing = undefined)));

  document.querySelector(".ways").hidden = true;
  at("inside").hidden = false;
  at("who").textContent = user;
  const leave = stay(credential, () => {
    document.querySelector(".ways").hidden = false;
    at("inside").hidden = true;
    says("password-says", "You are signed out.");
  });
  at("out").onclick = async () => {
    leave();
    await ask("/logout", { refresh_token: pair.refresh_token });
  };
});

// --- with a code ---

let challenge;
const step = (asked) => {
  at("ask").hidden = asked;
  at("verify").hidden = !asked;
  (asked ? at("verify").code : at("ask").user).focus();
};

on("ask", "code-says", async (form) => {
  ({ challenge } = await ask("/login/code", { user: form.user.value }));
  step(true);
  says("code-says", "If there is such a user, a code is on its way. It is good for five minutes.");
});

on("verify", "code-says", async (form) => {
  try {
    await ask("/login/code/verify", { challenge, code: form.code.value });
  } catch (why) {
    form.reset();
    throw why instanceof SignedOut ? new Error("That is not the code, or it is over.") : why;
  }
  location.assign("/app");
});

at("again").onclick = () => {
  step(false);
  says("code-says", "");
};

document.body.dataset.loaded = "";
