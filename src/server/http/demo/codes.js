// What close codes and error codes mean, and what a client does about them (protocol.md, "Error
// codes" and "Close codes"). A test compares names and retry words with the server's own.

/** Close codes: name, retry, what it means, what a client does next. */
const CLOSES = {
  1000: ["normal", "never", "Either side was done.", "Nothing: the conversation is over."],
  1001: ["going_away", "now", "The server stops.", "Comes back after the delay that was named, or after 5 to 30 seconds at random."],
  1002: ["protocol", "never", "The client broke the rules of WebSocket.", "Stops: the client has a bug."],
  1003: ["binary", "never", "The client sent a binary message; only text is spoken here.", "Stops: the client has a bug."],
  1007: ["utf8", "never", "The client sent text that is not UTF-8.", "Stops: the client has a bug."],
  1009: ["too_big", "never", "The message was larger than the transport takes.", "Stops: the same again would fail again."],
  1011: ["internal", "backoff", "The server has a fault, or cannot reach what it checks tokens with.", "Comes back with growing delays."],
  1012: ["restart", "now", "The server restarts.", "Comes back after the delay that was named, or after 5 to 30 seconds at random."],
  1013: ["overloaded", "backoff", "The server is full.", "Comes back with growing delays."],
  4400: ["bad_message", "never", "The message was no JSON object of the right shape.", "Stops: the client has a bug."],
  4401: ["auth_required", "never", "The first message was not the sign-in.", "Stops: the client has a bug. Its first message must be auth."],
  4403: ["forbidden", "never", "The token is good, and its bearer is not allowed here.", "Stops: trying again changes nothing."],
  4406: ["unsupported_protocol", "never", "Client and server have no subprotocol in common.", "Stops: one of them is too old."],
  4408: ["auth_timeout", "backoff", "No sign-in arrived before the deadline.", "Comes back with growing delays, and signs in at once."],
  4409: ["principal_mismatch", "never", "The new token belongs to somebody else than the session.", "Stops: another user is another connection."],
  4410: ["revoked", "sign_in", "The session was ended: a logout, a revoked token, a disabled user.", "Asks a person to sign in again."],
  4411: ["token_invalid", "refresh", "The token is not one that this server trusts. It does not say which rule is broken.", "Gets a new token and tries once. If that is refused too, it stops and shows the mistake."],
  4412: ["token_expired", "refresh", "The token is genuine, and its time is over. Nothing else is wrong with it.", "Gets a new token and comes back at once."],
  4413: ["token_not_yet_valid", "backoff", "The token begins in the future.", "Comes back with growing delays."],
  4420: ["slow_consumer", "backoff", "The client read too slowly, and the room no longer remembers what it missed.", "Comes back with growing delays, and joins with since."],
  4421: ["heartbeat_timeout", "now", "The client showed no sign of life in time.", "Comes back within a second."],
  4423: ["replaced", "never", "A newer connection of the same user took this one's place.", "Stops: coming back would push the newer one out."],
  4429: ["rate_limited", "backoff", "The client went over its rate again and again.", "Comes back after the delay that was named."],
  4430: ["too_many_connections", "backoff", "This user or this address has too many connections.", "Comes back with growing delays."],
};

/** Codes that no server sends: a browser's own, and the client's. */
const LOCAL = {
  1005: ["no code", "backoff", "The line was closed without a word.", "Comes back with growing delays, and joins with since."],
  1006: ["no goodbye", "backoff", "The line broke, or the server could not be reached.", "Comes back with growing delays, and joins with since."],
  4900: ["watchdog", "backoff", "The client heard nothing for too long and gave the line up.", "Comes back with growing delays, and joins with since."],
};

/** Error codes that do not close: retry, what it means. */
const ERRORS = {
  bad_message: ["never", "The message has the wrong shape."],
  duplicate_id: ["never", "This id is still waiting for its answer."],
  unknown_type: ["never", "The server does not know this type of message."],
  unsupported: ["never", "The protocol has this, and this server does not offer it."],
  bad_room: ["never", "This is no name for a room."],
  not_joined: ["never", "This needs a membership: join the room first."],
  forbidden: ["never", "The token does not allow this."],
  too_many_rooms: ["never", "This connection is in as many rooms as it may."],
  too_big: ["never", "The message is too big."],
  rate_limited: ["backoff", "That was too fast."],
  overloaded: ["backoff", "The server has no space for this now."],
  internal: ["backoff", "The server has a fault."],
  refresh_in_progress: ["backoff", "The sign-in before this one has no answer yet."],
  token_invalid: ["refresh", "The new token is not one that this server trusts."],
  token_expired: ["refresh", "The new token's time is over."],
  token_not_yet_valid: ["backoff", "The new token begins in the future."],
};

/** Words of `retry`: what a client does. */
export const RETRY = {
  never: "Does not send the same again: it would fail again.",
  refresh: "Gets a new token, then goes on.",
  sign_in: "Lets a person sign in.",
  backoff: "Tries again later, with growing delays.",
  now: "Tries again after a short random wait.",
};

/** What an error code means; undefined for one that is newer than this page. */
export const meaningOfError = (code) => ERRORS[code]?.[1];

/**
 * What a close code and its reason say, for codes of every kind.
 * `limited` is true where no more than five tries in a row are right.
 */
export function verdictOf(code, reason = "") {
  const after = / after=(\d+)$/.exec(reason);
  const [name, retry, meaning, next] = CLOSES[code] ?? LOCAL[code] ?? unknown(code, reason);
  const limited = !(code in CLOSES) && !(code in LOCAL) && !(code >= 4400 && code <= 4599);
  return { code, name, retry, meaning, next, limited, afterMs: after ? Number(after[1]) : 0 };
}

/** Unknown codes stay actionable: their range decides (CLOSE-18 to CLOSE-21). */
function unknown(code, reason) {
  const name = reason.split(" ")[0] || "unknown";
  const meaning = "This code is newer than this client.";
  if (code >= 4400 && code <= 4409) return [name, "never", meaning, "Stops."];
  if (code >= 4410 && code <= 4419) return [name, "refresh", meaning, "Gets a new token first."];
  return [name, "backoff", meaning, "Comes back with growing delays."];
}
