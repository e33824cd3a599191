"""Renders every kustomization and holds it against the rules; then breaks it on purpose, and each time the rule has
to tell."""

import copy
import sys
import tempfile
from pathlib import Path

import manifests
import rules


def named(objects, kind, name):
    """The object of that name, or the one that kustomize has given a hash behind it."""
    return next(thing for thing in objects
                if thing["kind"] == kind and (thing["metadata"]["name"] + "-").startswith(name + "-"))


def pod(objects, kind, name):
    return named(objects, kind, name)["spec"]["template"]["spec"]


def container(objects, kind, name):
    return pod(objects, kind, name)["containers"][0]


def swap(items, old, new):
    items[items.index(old)] = new


# What is broken in the base, how, and a part of what has to be said.
BROKEN = (
    ("a field in the wrong place", lambda all: pod(all, "Job", "agents").update(completions=4), "completions"),
    ("a word for a number", lambda all: named(all, "Job", "agents")["spec"].update(completions="four"), "completions"),
    ("a kind that is none", lambda all: named(all, "Job", "agents").update(apiVersion="batch/v2"), "batch/v2"),
    ("pods that are restarted", lambda all: pod(all, "Job", "agents").update(restartPolicy="OnFailure"), "restarted"),
    ("another namespace", lambda all: named(all, "Job", "agents")["metadata"].update(namespace="default"), "default"),
    ("a key that is not in the Secret",
     lambda all: container(all, "Job", "agents")["env"][1]["valueFrom"]["secretKeyRef"].update(key="pass"), "no pass"),
    ("a Secret that nobody makes",
     lambda all: pod(all, "StatefulSet", "nats")["volumes"][1]["secret"].update(secretName="tls"), "Secret tls"),
    ("a volume that is not there", lambda all: pod(all, "Job", "conductor")["volumes"].pop(0), "no volume work"),
    ("configuration that nobody reads",
     lambda all: pod(all, "StatefulSet", "nats")["volumes"][0]["projected"]["sources"].pop(0), "nobody reads"),
    ("a Service of nobody", lambda all: named(all, "Service", "nats")["spec"]["selector"].update({"a": "b"}), "port"),
    ("a policy about nobody",
     lambda all: named(all, "NetworkPolicy", "nats")["spec"]["podSelector"]["matchLabels"].update({"a": "b"}), "nobody"),
    ("agents that are not let in to NATS",
     lambda all: named(all, "NetworkPolicy", "nats")["spec"]["ingress"][0]["from"][0]["podSelector"]
     ["matchExpressions"][0].update(values=["conductor"]), "Job agents is not let in"),
    ("a root file system that is written",
     lambda all: container(all, "Job", "agents")["securityContext"].update(readOnlyRootFilesystem=False), "strict"),
    ("root", lambda all: pod(all, "Job", "agents")["securityContext"].update(runAsUser=0), "runAsNonRoot"),
    ("less processor than the limit says",
     lambda all: container(all, "Job", "agents")["resources"]["requests"].update(cpu="100m"), "not the same"),
    ("a name that nothing gives", lambda all: container(all, "Job", "conductor")["env"].pop(0), "$(JOB)"),
    ("a password in the open",
     lambda all: container(all, "Job", "agents")["env"].__setitem__(1, {"name": "NATS_PASSWORD", "value": "x"}),
     "not from a Secret"),
    ("a profile that is not mounted",
     lambda all: swap(container(all, "Job", "conductor")["args"], "/etc/gander/profile.toml", "/etc/gander/other.toml"),
     "other.toml"),
    ("a run directory on no volume",
     lambda all: swap(container(all, "Job", "conductor")["args"], "--resume-or-start=/reports/$(JOB)",
                      "--resume-or-start=/elsewhere/run"), "on no volume"),
    ("fewer agents than the conductor waits for",
     lambda all: named(all, "Job", "agents")["spec"].update(completions=3, parallelism=3), "--agents=4"),
    ("agents one after another", lambda all: named(all, "Job", "agents")["spec"].update(parallelism=2), "2 at once"),
    ("another group", lambda all: swap(container(all, "Job", "agents")["args"], "--group=load", "--group=lode"),
     "different groups"),
    ("NATS without TLS",
     lambda all: swap(container(all, "Job", "agents")["args"], "--nats=tls://nats:4222", "--nats=nats://nats:4222"),
     "no TLS address"),
    ("a share that is done again",
     lambda all: named(all, "Job", "agents")["spec"].update(backoffLimitPerIndex=1), "started again"),
    ("two conductors at once", lambda all: named(all, "Job", "conductor")["spec"].pop("podReplacementPolicy"),
     "still there"),
)


def main():
    with tempfile.TemporaryDirectory() as folder:
        by_hand = manifests.made_by_hand(Path(folder))
    made = {(thing["kind"], thing["metadata"]["name"]): set(thing["data"]) for thing in by_hand}
    failed = False
    for path in manifests.left_out():
        print(f"{path}: neither a kustomization nor the README names it")
        failed = True
    sets = manifests.every()
    for name, objects in {**sets, "README": by_hand}.items():
        wrong = rules.problems(objects, made) if name in sets else rules.problems_by_hand(objects, sets)
        failed |= bool(wrong)
        print(f"{name}: {len(objects)} objects, {len(wrong)} problems")
        for rule, problem in wrong:
            print(f"  {rule}: {problem}")
    told = 0
    for what, breaks, says in BROKEN:
        objects = copy.deepcopy(sets["base"])
        breaks(objects)
        wrong = rules.problems(objects, made)
        if any(says in problem for _, problem in wrong):
            told += 1
        else:
            failed = True
            print(f"broken by {what}, and nothing says {says!r}: {wrong}")
    print(f"{len(rules.RULES)} rules, broken on purpose: {told} of {len(BROKEN)} told")
    sys.exit(failed)


main()
