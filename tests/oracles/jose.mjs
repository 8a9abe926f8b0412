// Judges tokens with jose: one JSON line each, the first one says the rules and the keys.

import { createInterface } from "node:readline";
import { importSPKI, jwtVerify } from "jose";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const setup = JSON.parse((await lines.next()).value);
const keys = await Promise.all(setup.keys.map(({ alg, secret, pem }) =>
  secret ? new TextEncoder().encode(secret) : importSPKI(pem, alg)));

for await (const line of lines) {
  const { key, token } = JSON.parse(line);
  let verdict;
  try {
    const { payload } = await jwtVerify(token, keys[key], {
      algorithms: [setup.keys[key].alg],
      issuer: setup.iss,
      audience: setup.aud,
      clockTolerance: setup.leeway,
      currentDate: new Date(setup.now * 1000),
      requiredClaims: ["exp", "iss", "aud", "sub"],
    });
    // What is no text is only shown.
    const sub = typeof payload.sub === "string" ? payload.sub : JSON.stringify(payload.sub);
    verdict = { sub: sub.toWellFormed(), exp: String(payload.exp) };
  } catch (why) {
    verdict = { why: `${why.code ?? why.name}: ${why.message}` };
  }
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
}
