// What the three servers share: settings, the judging of tokens, the signs of life.
import { createRequire } from "node:module";
import jwt from "jsonwebtoken";

/** A client that has not signed in for this long is closed. */
export const DEADLINE_MS = Number(process.env.DEADLINE_S ?? 10) * 1000;
/** What waits for one connection beyond this closes it, as in Vestibule (`outbox_bytes`). */
export const OUTBOX_BYTES = 1024 * 1024;
/** The longest message that a client may send, as in Vestibule (`message_bytes`). */
export const MESSAGE_BYTES = 64 * 1024;

const USAGE = `It is set up by its environment:
  PORT         where to listen on 127.0.0.1
  SECRET       the secret of HS256 that tokens are signed with
  HEARTBEAT_S  seconds between two Pings of a connection
  DEADLINE_S   seconds in which a client has to sign in; 10 if it is not set`;

/** The settings; answers `--version` and complains about what is missing, and ends then. */
export function settings(library) {
  if (process.argv.includes("--version")) {
    const { version } = createRequire(import.meta.url)(`${library}/package.json`);
    console.log(`${library} ${version} (node ${process.versions.node})`);
    process.exit(0);
  }
  const port = Number(process.env.PORT);
  const heartbeat = Number(process.env.HEARTBEAT_S);
  const secret = process.env.SECRET;
  if (!(Number.isInteger(port) && port > 0 && heartbeat > 0 && secret)) {
    console.error(USAGE);
    process.exit(2);
  }
  return { port, secret, heartbeatMs: heartbeat * 1000 };
}

/** The user of a token; throws if it is not signed by us with HS256, or has run out. */
export function verify(token, secret) {
  const { sub } = jwt.verify(token, secret, { algorithms: ["HS256"] });
  if (typeof sub !== "string") throw new Error("the token has no sub");
  return sub;
}

/** Tells who started this process that clients may come. */
export function listening() {
  console.log("listening");
}
