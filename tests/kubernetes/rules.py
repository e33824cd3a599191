"""What manifests have to keep beyond being well-formed. Each rule tells of what breaks it, from the objects and what
is made by hand."""

import re

import kubernetes_validate

# Where `backoffLimitPerIndex` is for everyone, and the newest one that the package knows.
VERSIONS = ("1.33", kubernetes_validate.latest_version())

NAMELESS = {"Namespace"}


def name_of(thing):
    return f"{thing['kind']} {thing['metadata']['name']}"


def pods(objects):
    """Each pod that comes of the objects: whose, its labels, its specification."""
    for thing in objects:
        if thing["kind"] == "Pod":
            yield thing, thing["metadata"].get("labels", {}), thing["spec"]
        elif "template" in thing.get("spec", {}):
            template = thing["spec"]["template"]
            yield thing, template["metadata"].get("labels", {}), template["spec"]


def containers(objects):
    for owner, _, spec in pods(objects):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            yield owner, spec, container


def jobs(objects):
    return {thing["metadata"]["name"]: thing for thing in objects if thing["kind"] == "Job"}


def flag(container, name):
    """The value of `--name=value` among the arguments, or none."""
    for argument in container.get("args", []):
        if argument.startswith(f"--{name}="):
            return argument.partition("=")[2]
    return None


def fit_the_schemas(objects, _made):
    for thing in objects:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = "/".join(map(str, error.path))
                yield f"{name_of(thing)}: Kubernetes {version}: {where}: {error.message[:200]}"
            except kubernetes_validate.SchemaNotFoundError:
                yield f"{name_of(thing)}: Kubernetes {version} has no {thing['kind']} in {thing['apiVersion']}"


def are_in_one_namespace(objects, _made):
    spaces = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "Namespace"}
    for thing in objects:
        space = thing["metadata"].get("namespace")
        if thing["kind"] not in NAMELESS and space not in spaces:
            yield f"{name_of(thing)} is in the namespace {space}, which nobody makes"


def sources(volume):
    """What a volume is of, as (kind, name, keys or none for all)."""
    parts = volume["projected"]["sources"] if "projected" in volume else [volume]
    for part in parts:
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            if key in part:
                of = part[key]
                items = [(item["key"], item["path"]) for item in of["items"]] if "items" in of else None
                yield kind, of.get("name", of.get("secretName")), items
        if "persistentVolumeClaim" in part:
            yield "PersistentVolumeClaim", part["persistentVolumeClaim"]["claimName"], []


def there(objects, made):
    """What can be referred to, with its keys."""
    found = dict(made)
    for thing in objects:
        keys = {*thing.get("data", {}), *thing.get("stringData", {})}
        found[thing["kind"], thing["metadata"]["name"]] = keys
    return found


def references(spec):
    """What a pod refers to, as (kind, name, keys)."""
    for volume in spec.get("volumes", []):
        for kind, name, items in sources(volume):
            yield kind, name, [key for key, _ in items or []]
    for container in spec["containers"]:
        for entry in container.get("env", []):
            for kind, key in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
                if key in entry.get("valueFrom", {}):
                    of = entry["valueFrom"][key]
                    yield kind, of["name"], [of["key"]]


def named_by(spec):
    return {(kind, name) for kind, name, _ in references(spec)}


def refer_to_what_is_there(objects, made):
    found = there(objects, made)
    for owner, _, spec in pods(objects):
        for kind, name, keys in references(spec):
            if (kind, name) not in found:
                yield f"{name_of(owner)}: nobody makes the {kind} {name}"
            else:
                yield from (f"{name_of(owner)}: {kind} {name} has no {key}"
                            for key in keys if key not in found[kind, name])


def use_what_is_made(objects, made):
    """Configuration that nobody reads is a mistake, most often in a name."""
    read = {named for _, _, spec in pods(objects) for named in named_by(spec)}
    for thing in objects:
        if thing["kind"] == "ConfigMap" and ("ConfigMap", thing["metadata"]["name"]) not in read:
            yield f"nobody reads the {name_of(thing)}"


def mount_what_they_have(objects, _made):
    for owner, _, spec in pods(objects):
        claims = owner["spec"].get("volumeClaimTemplates", [])
        volumes = {volume["name"] for volume in [*spec.get("volumes", []), *(claim["metadata"] for claim in claims)]}
        mounted = {mount["name"] for container in spec["containers"] for mount in container.get("volumeMounts", [])}
        yield from (f"{name_of(owner)}: no volume {name}" for name in mounted - volumes)
        yield from (f"{name_of(owner)}: nobody mounts the volume {name}" for name in volumes - mounted)


def select_somebody(objects, _made):
    def matched(selector):
        labels = selector.get("matchLabels", {})
        among = {rule["key"]: rule["values"] for rule in selector.get("matchExpressions", [])}
        return [spec for _, own, spec in pods(objects)
                if all(own.get(key) == value for key, value in labels.items())
                and all(own.get(key) in values for key, values in among.items())]

    def ports(specs):
        return [port for spec in specs for container in spec["containers"] for port in container.get("ports", [])]

    for thing in objects:
        spec = thing.get("spec", {})
        if thing["kind"] == "Service":
            specs = matched({"matchLabels": spec["selector"]})
            known = {port.get("name") for port in ports(specs)} | {port["containerPort"] for port in ports(specs)}
            for port in spec["ports"]:
                if port.get("targetPort", port["port"]) not in known:
                    yield f"{name_of(thing)}: no container has the port {port.get('targetPort', port['port'])}"
        elif thing["kind"] == "NetworkPolicy":
            specs = matched(spec["podSelector"])
            if not specs:
                yield f"{name_of(thing)} is about nobody"
            for rule in spec.get("ingress", []):
                yield from (f"{name_of(thing)} lets in nobody" for peer in rule.get("from", [])
                            if not matched(peer["podSelector"]))
                numbers = {port["containerPort"] for port in ports(specs)}
                yield from (f"{name_of(thing)}: nobody listens at {port['port']}" for port in rule.get("ports", [])
                            if port["port"] not in numbers)
        elif thing["kind"] == "StatefulSet":
            own = spec["template"]["metadata"]["labels"]
            if not spec["selector"]["matchLabels"].items() <= own.items():
                yield f"{name_of(thing)} does not select its own pods"
    for owner, own, spec in pods(objects):
        for spread in spec.get("topologySpreadConstraints", []):
            if not spread["labelSelector"]["matchLabels"].items() <= own.items():
                yield f"{name_of(owner)} is spread by labels that it has not"


def are_as_restricted_as_they_can(objects, _made):
    """Kubernetes' pod security standard *restricted*, and a root file system that is only read."""
    for owner, spec, container in containers(objects):
        of, own = spec.get("securityContext", {}), container.get("securityContext", {})
        asked = {
            "runAsNonRoot": of.get("runAsNonRoot") is True and of.get("runAsUser", 0) > 0,
            "seccompProfile": of.get("seccompProfile", {}).get("type") == "RuntimeDefault",
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "readOnlyRootFilesystem": own.get("readOnlyRootFilesystem") is True,
            "automountServiceAccountToken": spec.get("automountServiceAccountToken") is False,
            "host": not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")),
        }
        yield from (f"{name_of(owner)}: {key} is not as strict as it can be" for key, holds in asked.items() if not holds)


def get_what_they_ask_for(objects, _made):
    """gander takes its limit for the cores it has; with a smaller request others may have them."""
    for owner, _, container in containers(objects):
        given = container.get("resources", {})
        if given.get("requests") != given.get("limits") or not {"cpu", "memory"} <= given.get("limits", {}).keys():
            yield f"{name_of(owner)}: requests and limits are not the same"


def fill_in_every_name(objects, _made):
    """The kubelet leaves `$(NAME)` as it is when the container has no such variable."""
    for owner, _, container in containers(objects):
        known = {entry["name"] for entry in container.get("env", [])}
        if owner["spec"].get("completionMode") == "Indexed":
            known.add("JOB_COMPLETION_INDEX")
        text = " ".join([*container.get("args", []), *(entry.get("value", "") for entry in container.get("env", []))])
        yield from (f"{name_of(owner)}: nothing gives $({name})" for name in re.findall(r"\$\(([^)]*)\)", text)
                    if name not in known)


def keep_secrets_in_secrets(objects, _made):
    for owner, _, container in containers(objects):
        for entry in container.get("env", []):
            if re.search("PASSWORD|SECRET|KEY|TOKEN", entry["name"]) and "secretKeyRef" not in entry.get("valueFrom", {}):
                yield f"{name_of(owner)}: {entry['name']} is not from a Secret"
    yield from (f"{name_of(thing)}: a Secret among the manifests" for thing in objects if thing["kind"] == "Secret")


def find_their_files(objects, made):
    """Paths among the arguments are on a volume: files that are read are in it, folders that are written can be."""
    found = there(objects, made)
    for owner, spec, container in containers(objects):
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for path in re.findall(r"(?:^|=|\s)(/[^\s]*)", "\n".join(container.get("args", []))):
            mounts = [mount for mount in container.get("volumeMounts", []) if path.startswith(mount["mountPath"] + "/")]
            if not mounts:
                yield f"{name_of(owner)}: {path} is on no volume"
                continue
            mount = max(mounts, key=lambda mount: len(mount["mountPath"]))
            if not mount.get("readOnly"):
                continue
            files = set()
            for kind, name, items in sources(volumes[mount["name"]]):
                files |= {file for _, file in items} if items is not None else found.get((kind, name), set())
            if path.removeprefix(mount["mountPath"] + "/") not in files:
                yield f"{name_of(owner)}: {path} is not in the volume {mount['name']}"


def agree_on_how_many(objects, _made):
    every = jobs(objects)
    agents = every["agents"]["spec"]
    many = agents["completions"]
    if agents["parallelism"] != many:
        yield f"Job agents: {many} agents, of which {agents['parallelism']} at once"
    for owner, _, container in containers(objects):
        for name in ("agents", "shares"):
            if flag(container, name) not in (None, str(many)):
                yield f"{name_of(owner)}: --{name}={flag(container, name)}, and {many} agents"
        parts = [argument for argument in container.get("args", []) if re.search(r"/\d+$", argument)]
        if "--merge" in container.get("args", []) and [part.split("/")[-1] for part in parts] != list(map(str, range(many))):
            yield f"{name_of(owner)} merges {len(parts)} parts of {many}"


def meet_at_nats(objects, _made):
    """Who talks to NATS names a Service that is there, of the same group, and is let in."""
    services = {thing["metadata"]["name"]: thing for thing in objects if thing["kind"] == "Service"}
    groups = set()
    for owner, labels, spec in pods(objects):
        for container in spec["containers"]:
            url = flag(container, "nats")
            if url is None:
                continue
            groups.add(flag(container, "group"))
            host, _, port = url.removeprefix("tls://").partition(":")
            if not url.startswith("tls://") or host not in services:
                yield f"{name_of(owner)}: {url} is no TLS address of a Service"
            elif int(port) not in {entry["port"] for entry in services[host]["spec"]["ports"]}:
                yield f"{name_of(owner)}: the Service {host} has no port {port}"
            let_in = [peer["podSelector"]["matchExpressions"][0]["values"] for thing in objects
                      if thing["kind"] == "NetworkPolicy" for rule in thing["spec"].get("ingress", [])
                      for peer in rule["from"]]
            if not any(labels["app.kubernetes.io/component"] in values for values in let_in):
                yield f"{name_of(owner)} is not let in to NATS"
    if len(groups) > 1:
        yield f"agents and conductor are of different groups: {sorted(map(str, groups))}"


def do_no_share_twice(objects, _made):
    for name, job in jobs(objects).items():
        spec = job["spec"]
        pod = spec["template"]["spec"]
        if pod["restartPolicy"] != "Never":
            yield f"Job {name}: its pods are restarted in their place"
        if spec.get("completionMode") == "Indexed":
            if spec.get("backoffLimitPerIndex") != 0 or "backoffLimit" in spec:
                yield f"Job {name}: an agent that died is started again, or ends the others"
        elif spec.get("backoffLimit") is None:
            yield f"Job {name}: it does not say how often it is tried again"
        if spec.get("backoffLimit") != 0 and spec.get("podReplacementPolicy") != "Failed":
            yield f"Job {name}: another may start while one is still there"
        for rule in spec.get("podFailurePolicy", {}).get("rules", []):
            named = rule.get("onExitCodes", {}).get("containerName")
            if named and named not in {container["name"] for container in pod["containers"]}:
                yield f"Job {name}: the failure policy is about {named}, which it has not"


RULES = (
    fit_the_schemas,
    are_in_one_namespace,
    refer_to_what_is_there,
    use_what_is_made,
    mount_what_they_have,
    select_somebody,
    are_as_restricted_as_they_can,
    get_what_they_ask_for,
    fill_in_every_name,
    keep_secrets_in_secrets,
    find_their_files,
    agree_on_how_many,
    meet_at_nats,
    do_no_share_twice,
)


def problems(objects, made):
    """Everything that is wrong, by the name of the rule."""
    return [(rule.__name__.replace("_", " "), problem) for rule in RULES for problem in rule(objects, made)]


def problems_by_hand(objects, sets):
    """What is wrong with what the README makes: not well-formed, not in the namespace, or of use to nobody."""
    found = [("fit the schemas", problem) for problem in fit_the_schemas(objects, {})]
    wanted = {name for manifests in sets.values() for _, _, spec in pods(manifests)
              for kind, name in named_by(spec)}
    for thing in objects:
        if thing["metadata"].get("namespace") != "gander":
            found.append(("are in one namespace", f"{name_of(thing)} is in another"))
        if thing["metadata"]["name"] not in wanted:
            found.append(("use what is made", f"nobody reads the {name_of(thing)}"))
    return found
