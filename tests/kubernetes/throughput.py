"""How many results a second a NATS server takes into a stream on disk: no test, a measurement for docs/scaling.md.
Arguments: agents, bytes of a message, messages of each agent."""

import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import server


def main(agents, size, rounds):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        passwords = server.prepared(folder)
        process, port, monitor = server.started(folder, store="8GB")
        try:
            def of(user):
                return server.Client(port, folder / "ca.crt", user, passwords[user])

            stream = {"name": "gander-load", "subjects": ["gander.load.results.>"], "storage": "file"}
            of("conductor").asked("$JS.API.STREAM.CREATE.gander-load", json.dumps(stream))
            clients = [of("agent") for _ in range(agents)]
            body = "x" * size
            begun = time.monotonic()
            for _ in range(rounds):
                # Each agent's next message, and only when all are stored the ones after.
                for number, client in enumerate(clients):
                    message = f"PUB gander.load.results.run.{number} {client.inbox}.{number} {size}\r\n{body}\r\n"
                    client.socket.sendall(message.encode())
                last = max(json.loads(client.next())["seq"] for client in clients)
            took = time.monotonic() - begun
            assert last == agents * rounds, last
            with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/varz", timeout=20) as answer:
                facts = json.load(answer)
            print(f"nats-server {facts['version']}: {agents} agents, {last} messages of {size} bytes in {took:.1f} s:"
                  f" {last / took:.0f}/s, {last * size / took / 1e6:.0f} MB/s, {facts['mem'] / 1e6:.0f} MB resident")
            print(", ".join(f"{key} {facts[key]}" for key in ("max_payload", "max_connections", "max_pending")))
        finally:
            process.terminate()
            process.wait()


main(*map(int, sys.argv[1:4]))
