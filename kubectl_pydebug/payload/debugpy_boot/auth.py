"""GUEST CODE: who may talk to us. Everything on the pod's loopback is reachable for every container of the pod.

1. client -> {"v":1,"session":id,"nonce":hex}
2. agent  -> {"v":1,"port":P,"proof":HMAC-SHA256(verifier, "agent:<nonce>:<P>")}: shows that we are the real one, and on
   which port, so that a container which relays from a port of its own is found out.
3. client -> {"token":hex,"service":name,...}: SHA-256(token) is the verifier; the pod's spec shows only the verifier.
4. agent  -> {"ok":true} or {"ok":false,"error":text}
"""

import hashlib
import hmac
import json

LONGEST_LINE = 1 << 16
REQUEST_LINE = 1 << 22
"""Bytes: once the token was right, a request may list the names of a whole checkout's files."""


class Denied(Exception):
    """The other side is not our client; nothing was told to it."""


def proof(verifier, nonce, port):
    return hmac.new(bytes.fromhex(verifier), "agent:{}:{}".format(nonce, port).encode(), hashlib.sha256).hexdigest()


def read_line(sock, limit):
    """One line, byte for byte what belongs to it: what follows may be another protocol's."""
    line = bytearray()
    while not line.endswith(b"\n"):
        ahead = sock.recv(65536, PEEK)
        if not ahead:
            raise Denied("closed")
        end = ahead.find(b"\n") + 1
        line += sock.recv(end or len(ahead))
        if len(line) > limit:
            raise Denied("line too long")
    return json.loads(line.decode())


def admit(sock, config, port):
    """Handshake on a fresh connection; returns the client's request. Raises Denied, ValueError or OSError."""
    hello = read_line(sock, LONGEST_LINE)
    if not isinstance(hello, dict) or hello.get("v") != 1 or hello.get("session") != config["session"]:
        raise Denied("not our session")
    answer = {"v": 1, "port": port, "proof": proof(config["verifier"], hello.get("nonce"), port)}
    sock.sendall(json.dumps(answer).encode() + b"\n")
    request = read_line(sock, REQUEST_LINE)
    token = bytes.fromhex(request["token"])
    if not hmac.compare_digest(hashlib.sha256(token).hexdigest(), config["verifier"]):
        raise Denied("wrong token")
    return request


PEEK = 2  # socket.MSG_PEEK, the same on every Linux
