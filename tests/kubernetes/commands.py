"""Holds what each container calls gander with against the real binary: every command and flag has to be there, and
the whole line has to be understood, up to the first file that is not on this machine."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import manifests
import rules

GANDER = os.environ["GANDER"]

# What the names in the arguments stand for here.
STAND_FOR = {
    "JOB_COMPLETION_INDEX": "2",
    "JOB": "8f1c0c3e-5a55-4a0e-9a43-1b1f3a5f8a11",
    "RUN": "first",
    "SEED": "7",
    "START": "2099-01-01T00:00:00Z",
}


def gander(*arguments):
    """What gander says to it, without an environment and where no file is."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([GANDER, *arguments], capture_output=True, text=True, check=False, cwd=folder,
                              env={"HOME": folder}, timeout=60)


def known(command):
    """The flags of a command, or none if there is no such command."""
    said = gander(command, "--help")
    return set(re.findall(r"^ +(?:-\w, )?(--[\w-]+)", said.stdout, re.M)) if said.returncode == 0 else None


def used(arguments):
    return {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}


def filled_in(argument, data):
    text = re.sub(r"\$\(([^)]*)\)", lambda found: {**data, **STAND_FOR}[found.group(1)], argument)
    # Whatever is on this machine: there is no such folder.
    return re.sub(r"(^|=)/", r"\1/is/not/there/", text)


def wrong_with(owner, arguments, awaited, data):
    """What is wrong with a command, and which of what it uses is awaited."""
    command, *rest = arguments
    flags = known(command)
    if flags is None:
        waits = {command}
        return ([] if command in awaited else [f"{owner}: gander has no command `{command}`"]), waits
    waits = {f"{command} {flag}" for flag in used(rest) - flags}
    missing = [f"{owner}: `gander {flag}` is not there" for flag in sorted(waits - awaited)]
    if waits:
        return missing, waits
    said = gander(*(filled_in(argument, data) for argument in arguments))
    if said.returncode != 2 or "/is/not/there/" not in said.stderr or "Usage:" in said.stderr:
        return [f"{owner}: exit code {said.returncode}: {said.stderr.strip()}"], waits
    return [], waits


def check_profile(text):
    """The profile of the base is one, secrets in place."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "worker-secret").write_text("secret\n")
        profile = Path(folder) / "profile.toml"
        profile.write_text(text.replace("/run/secrets/gander", folder))
        said = gander("check", str(profile))
        return [] if said.returncode == 0 else [f"profile.toml: {said.stderr.strip()}"]


# Calls that are right or wrong whatever is awaited, and what has to be said of them.
TRIED = (
    (["run", "/etc/p.toml", "--acknowledge=$(JOB)", "--environment=$(RUN)", "--seed=$(SEED)", "--out=/reports"], None),
    (["run", "/etc/p.toml", "--seed=$(RUN)"], "--seed"),
    (["run", "/etc/p.toml", "--acknowledge=$(JOB)"], "--environment"),
    (["run", "/etc/p.toml", "--sede=7"], "`gander run --sede` is not there"),
    (["run", "--duration=1ms", "--iterations=one", "/etc/p.toml"], "--iterations"),
    (["runs", "/etc/p.toml"], "no command `runs`"),
)


def untold():
    """Wrong calls of which nothing is said, and right ones of which something is."""
    for arguments, says in TRIED:
        wrong = " ".join(wrong_with("tried", arguments, set(), {})[0])
        if bool(wrong) != (says is not None) or (says or "") not in wrong:
            yield f"{' '.join(arguments)}: said is {wrong!r}, not {says!r}"


def main():
    lines = (Path(__file__).parent / "awaited.txt").read_text().splitlines()
    awaited = {line for line in lines if line and not line.startswith("#")}
    failed, needed, calls = [], set(), 0
    for name, objects in manifests.every().items():
        data = {key: value for thing in objects if thing["kind"] == "ConfigMap" for key, value in thing["data"].items()}
        for owner, _, container in rules.containers(objects):
            if container["name"] == "gander":
                calls += 1
                wrong, waits = wrong_with(f"{name}: {rules.name_of(owner)}", container["args"], awaited, data)
                failed += wrong
                needed |= waits
    failed += untold()
    failed += check_profile(data["profile.toml"])
    failed += [f"awaited.txt: nothing waits for `{line}`: take it out" for line in sorted(awaited - needed)]
    print(f"{calls} calls of gander, {len(needed)} awaited commands and flags, {len(failed)} problems")
    for problem in failed:
        print(f"  {problem}")
    sys.exit(bool(failed))


main()
