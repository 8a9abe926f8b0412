"""Signs in, joins a room, chats, loses the line, comes back: client.py URL TOKEN [ROOM]"""
import json, socket, sys
from websockets.sync.client import connect  # pip install websockets

url, token, room = (sys.argv[1:] + ["lobby"])[:3]
since = {}  # where we stopped: the room's epoch and the last seq

def hear(ws, wanted):
    """Shows the room's messages up to the first of type `wanted`, and returns that one."""
    for text in ws:
        got = json.loads(text)
        if got["type"] == "message":
            since["seq"] = got.get("seq", since["seq"])  # an ephemeral message has no seq
            print(got.get("seq", "-"), got["from"]["user"], got["payload"], flush=True)
        elif got["type"] == "error":
            sys.exit(f"{got['code']}: {got['message']}")
        if got["type"] == wanted:
            return got

def enter(ws):
    ws.send(json.dumps({"type": "auth", "payload": token}))
    print("signed in as", hear(ws, "auth_ok")["user"])
    ws.send(json.dumps({"type": "join", "room": room} | ({"since": since} if since else {})))
    joined = hear(ws, "joined")
    print("joined, recovered:", joined["recovered"])
    if not joined["recovered"]:
        since.update(epoch=joined["epoch"], seq=joined["seq"])
    while since["seq"] < joined["seq"]:
        hear(ws, "message")

for line in ["hello", "I am back"]:
    with connect(url, subprotocols=["vestibule.v1"]) as ws:
        enter(ws)
        ws.send(json.dumps({"type": "message", "room": room, "payload": line}))
        hear(ws, "message")
        if line == "hello":
            ws.socket.shutdown(socket.SHUT_RDWR)
            input("the line is cut, press Enter to come back\n")
