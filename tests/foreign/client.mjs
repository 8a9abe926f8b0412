// Opens each of the handshakes on standard input, as JSON, and prints what came of it, a line each.
//
// What came of it reads `user NAME, PROTOCOL`, `closed CODE REASON` or `STATUS ERROR, CHALLENGE`.

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

// Modules are looked for beside the file that asks: ws belongs to the examples.
const WebSocket = createRequire(new URL("../../examples/", import.meta.url))("ws");

const outcome = ({ url, headers, protocols, first }) =>
  new Promise((resolve, reject) => {
    const options = { headers, perMessageDeflate: false };
    const ws = new WebSocket(url, protocols, options);
    ws.on("open", () => first && ws.send(JSON.stringify({ type: "auth", payload: first })));
    ws.on("message", (data) => {
      const { type, user } = JSON.parse(data);
      if (type !== "auth_ok") return;
      resolve(`user ${user}, ${ws.protocol}`);
      ws.close(1000);
    });
    ws.on("close", (code, reason) => resolve(`closed ${code} ${reason}`));
    ws.on("unexpected-response", async (_, response) => {
      const { error } = JSON.parse(await text(response));
      const challenge = response.headers["www-authenticate"] ?? "";
      resolve(`${response.statusCode} ${error}, ${challenge}`);
    });
    ws.on("error", reject);
  });

for (const handshake of JSON.parse(await text(process.stdin))) {
  console.log(await outcome(handshake));
}
