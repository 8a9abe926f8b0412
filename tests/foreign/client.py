"""Opens each of the handshakes on standard input, as JSON, and prints what came of it, a line each.

What came of it reads `user NAME, PROTOCOL`, `closed CODE REASON` or `STATUS ERROR, CHALLENGE`.
"""
import json, sys
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

PATIENCE_S = 20

def outcome(case):
    try:
        with connect(case["url"], additional_headers=case["headers"], open_timeout=PATIENCE_S,
                     subprotocols=case["protocols"] or None, compression=None) as ws:
            if case["first"]:
                ws.send(json.dumps({"type": "auth", "payload": case["first"]}))
            got = json.loads(ws.recv(PATIENCE_S))
            if got["type"] == "auth_ok":
                return f"user {got['user']}, {ws.subprotocol or ''}"
            ws.recv(PATIENCE_S)
    except InvalidStatus as refused:
        response = refused.response
        error = json.loads(response.body)["error"]
        return f"{response.status_code} {error}, {response.headers.get('WWW-Authenticate', '')}"
    except ConnectionClosed as closed:
        return f"closed {closed.rcvd.code} {closed.rcvd.reason}"

for case in json.load(sys.stdin):
    print(outcome(case), flush=True)
