// One knock on a line of its own: says one thing, or nothing, and hears the verdict.

import { verdictOf } from "./codes.js";

/**
 * Opens a line, says `first` (nothing if it is null) and waits until the server closes.
 * `hear` gets {opened}, {from, text} for each frame, and {verdict, message} at the end.
 * Returns a function that gives up without a verdict.
 */
export function knock(url, first, hear) {
  const socket = new WebSocket(url, "vestibule.v1");
  let message;
  socket.onopen = () => {
    hear({ opened: true });
    if (first === null) return;
    const text = JSON.stringify(first);
    socket.send(text);
    hear({ from: "client", text });
  };
  socket.onmessage = (event) => {
    hear({ from: "server", text: event.data });
    message = JSON.parse(event.data);
  };
  socket.onclose = (event) => hear({ verdict: verdictOf(event.code, event.reason), message });
  return () => {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  };
}

/**
 * A token with another name in its claims and the old signature: what somebody would try who has
 * no key. The server must notice.
 */
export function forge(token) {
  const [header, claims, signature] = token.split(".");
  const altered = { ...JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) };
  altered.sub = "admin";
  const bytes = new TextEncoder().encode(JSON.stringify(altered));
  const encoded = btoa(String.fromCharCode(...bytes));
  const url = encoded.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return [header, url, signature].join(".");
}

/** For visitors without any token: the shape of one, signed by nobody. */
export const UNSIGNED =
  "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0." +
  "bm9ib2R5LWhhcy1zaWduZWQtdGhpcy1ub2JvZHktaGFz";
