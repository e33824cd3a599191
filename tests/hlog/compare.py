"""Holds what a reader found in the interval log of a run against the run's own summary."""

import json
import sys
from pathlib import Path

TIMES = ("min", "p50", "p75", "p90", "p95", "p99", "p99_9", "max")


def agrees(ours, theirs):
    """To the resolution of a histogram of three digits: gander tells the upper end of a counter's
    range, others may tell its lower end or its middle."""
    return abs(ours - theirs) * 1000 <= max(ours, theirs) + 1000


def expected(summary):
    """Every row of the summary with times, by the name that the readers give it."""
    for row in summary["steps"]:
        names = (row[key] for key in ("variant", "journey", "step", "capability", "event", "action"))
        good = row["samples"] - sum(row["faults"].values())
        yield "|".join(("measured", *names, "exchange")), good, row["service_time_us"], row["faults"]
    for row in summary["journeys"]:
        for key, kind in (("response_time_us", "response"), ("service_time_us", "service"),
                          ("elapsed_us", "elapsed")):
            name = "|".join(("measured", row["variant"], row["journey"], "", "", "", "", kind))
            yield name, row["completed"], row[key], {}


def problems(run, found):
    """Everything that does not agree."""
    summary = json.loads((run / "summary.json").read_text())
    record = json.loads((run / "run.json").read_text())
    log = (run / "intervals.hlog").read_text().splitlines()
    timeline = [json.loads(line) for line in (run / "timeline.jsonl").read_text().splitlines()]
    tagged = sum(line.startswith("Tag=") for line in log)
    if found["lines"] != tagged:
        yield f"{found['lines']} of {tagged} lines were read"
    if found["start_ms"] != record["started_unix_ms"]:
        yield f"the start is {found['start_ms']}, not {record['started_unix_ms']}"
    windows = {(line["start_ms"], line["end_ms"]) for line in timeline}
    for window in map(tuple, found["windows"]):
        if window not in windows:
            yield f"{window} is no interval of the timeline"
    compared = 0
    for name, count, times, faults in expected(summary):
        if found["faulty"].get(name, 0) != sum(faults.values()):
            yield f"{name}: {found['faulty'].get(name, 0)} faults, not {faults}"
        if times is None:
            continue
        theirs = found["rows"].get(name)
        if theirs is None:
            yield f"{name} was not found"
            continue
        if theirs["count"] != count:
            yield f"{name}: {theirs['count']} samples, not {count}"
        for key in TIMES:
            compared += 1
            if not agrees(times[key], theirs[key]):
                yield f"{name}: {key} is {theirs[key]}, not {times[key]}"
    lag = summary["generator"]["scheduler_lag_us"]
    theirs = found["rows"]["measured|||||||scheduler-lag"]
    if not agrees(lag["p99"], theirs["p99"]):
        yield f"scheduler-lag: p99 is {theirs['p99']}, not {lag['p99']}"
    if compared < 50 or not any(found["faulty"].values()):
        yield f"only {compared} times and {sum(found['faulty'].values())} faults were there to compare"


def main(folder, *readers):
    run, failed = Path(folder), False
    for path in readers:
        found = json.loads(Path(path).read_text())
        wrong = list(problems(run, found))
        failed |= bool(wrong)
        print(f"{Path(path).stem}: {found['lines']} lines, {len(found['rows'])} rows, {len(wrong)} wrong")
        for problem in wrong[:20]:
            print(f"  {problem}")
    sys.exit(failed)


main(*sys.argv[1:])
