"""Starts a real NATS server with the configuration of the manifests and the certificates of the README, and looks who
may do what on it."""

import itertools
import json
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import manifests

NUMBERS = itertools.count()


class Client:
    """A connection to NATS, by its protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol."""

    def __init__(self, port, authority, user, password):
        self.inbox = f"_INBOX.{user}.{next(NUMBERS)}"
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.info = json.loads(self.line_of(plain).removeprefix("INFO "))
        self.socket = ssl.create_default_context(cafile=authority).wrap_socket(plain, server_hostname="nats")
        self.lines = self.socket.makefile("rb")
        said = {"user": user, "pass": password, "verbose": False, "pedantic": False, "tls_required": True}
        self.socket.sendall(f"CONNECT {json.dumps(said)}\r\nSUB {self.inbox}.> 1\r\n".encode())

    @staticmethod
    def line_of(plain):
        # Byte by byte: what follows is the handshake's.
        line = b""
        while not line.endswith(b"\r\n"):
            line += plain.recv(1) or b"\r\n"
        return line.decode().strip()

    def next(self):
        """What the server says next: a line, of a message its text."""
        line = self.lines.readline().decode().strip()
        if not line:
            sys.exit("nats-server closed the connection")
        if line.startswith("MSG "):
            return self.lines.read(int(line.split()[-1]) + 2).decode().strip()
        if line == "PING":
            self.socket.sendall(b"PONG\r\n")
            return self.next()
        return line

    def say(self, text):
        """Sends it, and tells everything that comes back until the server has seen it."""
        self.socket.sendall(text.encode() + b"\r\nPING\r\n")
        return list(iter(self.next, "PONG"))

    def asked(self, subject, body="{}"):
        """What comes of a request: its answer, or an error."""
        said = self.say(f"PUB {subject} {self.inbox}.1 {len(body)}\r\n{body}")
        return (said or [self.next()])[-1]


def prepared(folder):
    """The README performed there: certificates, the file of passwords, and who has which."""
    objects = manifests.made_by_hand(folder)
    (folder / "passwords.conf").write_text(manifests.value(objects, "nats-passwords", "passwords.conf"))
    for name in ("tls.crt", "tls.key", "ca.crt"):
        (folder / name).write_text(manifests.value(objects, "nats-tls", name))
    return {user: manifests.value(objects, f"gander-nats-{user}", "password") for user in ("conductor", "agent")}


def started(folder, store="64MB"):
    """The server, with so much room for results, its port and that of its monitor."""
    objects = manifests.every()["base"]
    text = next(thing["data"]["nats.conf"] for thing in objects if "nats.conf" in thing.get("data", {}))
    text = text.replace("/etc/nats-tls/", f"{folder}/").replace('"/data"', f'"{folder}/data"')
    text = re.sub(r"^(port|http_port): \d+$", r"\1: -1", text, flags=re.M)
    text = text.replace("9GB", store) + "\nhost: 127.0.0.1\n"
    (folder / "nats.conf").write_text(text)
    server = subprocess.Popen(["nats-server", "--config", folder / "nats.conf"], stderr=subprocess.PIPE, text=True)
    said, ports = "", {}
    for line in server.stderr:
        said += line
        ports |= dict(re.findall(r"(client connections|http monitor) on \S+:(\d+)", line))
        if "Server is ready" in line:
            return server, int(ports["client connections"]), int(ports["http monitor"])
    sys.exit(f"nats-server ended: {said}")


def claims(port, monitor, authority, passwords):
    """What has to be so, and whether it is."""
    def of(user, password=None):
        return Client(port, authority, user, password or passwords[user])

    conductor, agent = of("conductor"), of("agent")
    stream = json.dumps({"name": "gander-load", "subjects": ["gander.load.results.>"], "storage": "file"})
    yield "TLS is a must", agent.info.get("tls_required") is True
    yield "a wrong password is turned down", "Authorization Violation" in of("agent", "wrong").next()
    yield "another's password is, too", "Authorization Violation" in of("agent", passwords["conductor"]).next()
    yield "the conductor makes the stream", '"config"' in conductor.asked("$JS.API.STREAM.CREATE.gander-load", stream)
    yield "an agent's result is taken", '"seq":1' in agent.asked("gander.load.results.run.agents-1").replace(" ", "")
    for subject in ("gander.load.agent.agents-1", "gander.load.all", "gander.load.conductor.run"):
        yield f"an agent orders nothing by {subject}", "Permissions Violation" in agent.asked(subject)
        yield f"the conductor may use {subject}", "Violation" not in "".join(conductor.say(f"PUB {subject} 2\r\n{{}}"))
        yield f"an agent hears {subject}", agent.say(f"SUB {subject} 3") == []
    yield "an agent may say how it is", agent.say("PUB gander.load.beat.agents-1 2\r\n{}") == []
    yield "an agent sees that the stream is there", '"config"' in agent.asked("$JS.API.STREAM.INFO.gander-load")
    for subject in ("STREAM.DELETE", "STREAM.UPDATE", "STREAM.PURGE", "STREAM.MSG.GET", "CONSUMER.CREATE"):
        subject = f"{subject}.gander-load"
        yield f"an agent does no {subject}", "Permissions Violation" in agent.asked(f"$JS.API.{subject}")
    yield "an agent does not listen to everything", "Permissions Violation" in "".join(agent.say("SUB > 2"))
    with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/healthz", timeout=20) as answer:
        yield "the probe's path answers", answer.status == 200


def main():
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passwords = prepared(folder)
        server, port, monitor = started(folder)
        try:
            for what, holds in claims(port, monitor, folder / "ca.crt", passwords):
                failed |= not holds
                print(f"{'ok' if holds else 'NOT SO'}: {what}")
        finally:
            server.terminate()
            server.wait()
    sys.exit(failed)


if __name__ == "__main__":
    main()
