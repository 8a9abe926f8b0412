// Where tokens come from: the server under `vestibule dev`, a person everywhere else.

/** How long a token lives that the page asks for, in milliseconds. */
const LIFE_MS = 3_600_000;

/** What the server says about itself: whether it gives tokens, and how long a client may take. */
export async function options() {
  const response = await fetch("/demo/options.json");
  return response.json();
}

/** Asks the server for a token; one that has ended already if the time is negative. */
export async function mint(user, expiresInMs = LIFE_MS) {
  const response = await fetch("/demo/token", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user, expires_in_ms: expiresInMs }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer.token;
}
