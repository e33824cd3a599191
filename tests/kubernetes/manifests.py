"""What a cluster would get: the manifests as kustomize renders them, and what the README's commands make."""

import base64
import json
import re
import subprocess
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "kubernetes"


def rendered(folder):
    """The objects of a kustomization. What kustomize has to complain about goes to standard error, and is an error."""
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode or done.stderr.strip():
        hint = "made with kustomize 5.5 (kubectl 1.32); kubectl 1.20, which Debian 12 has, is too old"
        raise SystemExit(f"{folder}: {done.stderr.strip()}\nhelp: {hint}")
    return list(yaml.safe_load_all(done.stdout))


def every():
    """What is in the cluster, by how it came there: its name, the kustomizations, the files applied by themselves."""
    base, alone = FOLDER / "base", FOLDER / "overlays" / "no-server"
    return {
        "base": rendered(base),
        "base, read": rendered(base) + list(yaml.safe_load_all((FOLDER / "reader.yaml").read_text())),
        "no-server, merged": rendered(alone) + rendered(alone / "merge"),
    }


def left_out():
    """Manifests and other files that neither a kustomization nor the README names."""
    named = {FOLDER / "README.md"}
    for path in FOLDER.rglob("kustomization.yaml"):
        text = yaml.safe_load(path.read_text())
        entries = [*text.get("resources", []), *(patch.get("path") for patch in text.get("patches", []))]
        for generated in text.get("configMapGenerator", []):
            entries += generated.get("files", [])
        named |= {path, *((path.parent / entry).resolve() for entry in entries if entry)}
    named |= {FOLDER / name for name in re.findall(r"-f docs/kubernetes/(\S+)", (FOLDER / "README.md").read_text())}
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file() and path not in named)


# What the README's commands are here. kubectl makes its objects without a cluster, and other files have to be there.
INSTEAD = """
docker() { :; }
gander() { :; }
kubectl() {
  case " $* " in
  *" create "*) command kubectl "$@" --dry-run=client --output=json >>made.json ;;
  *) for word in "$@"; do case "$word" in docs/*) ls -d "$ROOT/$word" ;; esac; done ;;
  esac
}
"""


def made_by_hand(folder):
    """Performs the README in an empty folder, command by command: the Secrets and the configuration that come of it."""
    script = INSTEAD + "\n".join(re.findall(r"```sh\n(.*?)```", (FOLDER / "README.md").read_text(), re.S))
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin", "HOME": str(folder), "WORKER_SECRET": "worker's",
                   "ROOT": str(FOLDER.parents[1])}
    done = subprocess.run(["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"README.md: its commands end with {done.returncode}: {done.stderr.strip()}")
    text, objects = (folder / "made.json").read_text().strip(), []
    while text:
        thing, end = json.JSONDecoder().raw_decode(text)
        # What the client leaves open.
        thing["metadata"].pop("creationTimestamp", None)
        objects.append(thing)
        text = text[end:].strip()
    return objects


def value(objects, name, key):
    """A value of a Secret."""
    return base64.b64decode(next(thing["data"][key] for thing in objects if thing["metadata"]["name"] == name)).decode()
