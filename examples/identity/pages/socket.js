// A socket that signs in with its first message, and stays: what both pages share.

const ROOM = "lobby";

/** What it takes to come back: whoever says so has to sign in as a person. */
export class SignedOut extends Error {}

/** Asks this service; an answer without success is an error, a 401 the end of the session. */
export async function ask(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (answer.status === 401) throw new SignedOut("Wrong, or over: sign in again.");
  const json = answer.status === 204 ? {} : await answer.json();
  if (!answer.ok) throw new Error(json.message);
  return json;
}

/**
 * Keeps the page inside. `credential()` gives what opens a socket and extends it: a fresh token or
 * a fresh ticket; it throws SignedOut when there will be none. `signedOut()` is called then.
 */
export function stay(credential, signedOut) {
  const [talk, state, form] = ["talk", "state", "say"].map((id) => document.getElementById(id));
  let socket;
  let tries = 0;
  let since;
  let left = false;

  const door = (name, words) => {
    document.body.dataset.door = name;
    state.textContent = words;
  };
  const line = (who, text) => {
    const item = document.createElement("li");
    if (who) item.append(Object.assign(document.createElement("b"), { textContent: `${who} ` }));
    else item.className = "note";
    item.append(text);
    talk.append(item);
    item.scrollIntoView({ block: "nearest" });
  };
  const send = (message) => socket.send(JSON.stringify(message));

  async function connect() {
    door("waiting", "connecting");
    const first = await credential();
    if (left) return;
    const own = (socket = new WebSocket(`wss://${location.host}/ws`, "vestibule.v1"));
    let verdict;
    own.onopen = () => {
      send({ type: "auth", payload: first });
      send({ type: "join", room: ROOM, ...(since && { since }) });
    };
    own.onmessage = async ({ data }) => {
      const got = JSON.parse(data);
      if (got.type === "auth_ok") {
        const until = new Date(got.expires_at_ms).toLocaleTimeString();
        if (got.refreshed) line("", `The session goes on until ${until}.`);
        tries = 0;
        door("ready", `until ${until}`);
      }
      if (got.type === "auth_expiring") extend(own);
      if (got.type === "joined" && !got.recovered) since = { epoch: got.epoch, seq: got.seq };
      if (got.type === "message") {
        if (since && got.seq) since.seq = got.seq;
        line(got.from?.user ?? "", String(got.payload));
      }
      if (got.type === "error") {
        line("", got.message);
        verdict = got;
      }
    };
    own.onclose = ({ code, reason }) => {
      if (left || own !== socket) return;
      line("", `The line is closed: ${code} ${reason}`);
      const { fatal, retry } = verdict ?? {};
      if (fatal && (retry === "sign_in" || retry === "never")) return leave();
      if (fatal && retry === "refresh" && tries > 0) return leave();
      again(Number(/after=(\d+)/.exec(reason)?.[1] ?? 0));
    };
  }

  // The newer credential goes over the same socket: nobody in the room notices.
  async function extend(own) {
    try {
      const payload = await credential();
      if (own === socket && own.readyState === WebSocket.OPEN) send({ type: "auth", payload });
    } catch (why) {
      if (why instanceof SignedOut) leave();
    }
  }

  // Full jitter, up to half a minute.
  function again(after = 0) {
    const delay = after + Math.random() * Math.min(30_000, 1_000 * 2 ** tries++);
    door("waiting", "coming back");
    setTimeout(attempt, delay);
  }

  function attempt() {
    if (left) return;
    connect().catch((why) => (why instanceof SignedOut ? leave() : again()));
  }

  function leave() {
    left = true;
    socket?.close();
    door("closed", "signed out");
    signedOut();
  }

  form.onsubmit = (event) => {
    event.preventDefault();
    if (socket?.readyState !== WebSocket.OPEN) return;
    send({ type: "message", room: ROOM, payload: form.text.value });
    form.reset();
  };
  attempt();
  return leave;
}
