"""What a cluster would get: the manifests as kustomize renders them, and what the README has people make."""

import re
import shutil
import subprocess
from pathlib import Path

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "kubernetes"


def renderer():
    """The command that renders a kustomization: kustomize itself, or the one that kubectl has in it."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"]


def rendered(folder):
    """The objects of a kustomization. What kustomize has to complain about goes to standard error, and is an error."""
    done = subprocess.run([*renderer(), str(folder)], capture_output=True, text=True, check=False)
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
    named |= {FOLDER / name for name in re.findall(r"-f docs/kubernetes/(\S+)", readme())}
    return sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file() and path not in named)


def readme():
    return (FOLDER / "README.md").read_text().replace("\\\n", " ")


def made_by_hand():
    """Secrets and configuration that the README has people make, as (kind, name) with their keys."""
    made = {}
    for kind, name, rest in re.findall(r"kubectl (?:-n \S+ )?create (secret generic|secret tls|configmap) (\S+)([^\n]*)", readme()):
        keys = set(re.findall(r"--from-literal=([\w.-]+)=", rest))
        keys |= set(re.findall(r"--from-file=([\w.-]+)=", rest))
        made["ConfigMap" if kind == "configmap" else "Secret", name] = keys
    return made
