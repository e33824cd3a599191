"""Reads an interval log with the Python HdrHistogram and prints what is in it as JSON."""

import json
import sys
from urllib.parse import unquote

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

PER_MILLE = {"p50": 500, "p75": 750, "p90": 900, "p95": 950, "p99": 990, "p99_9": 999}
HIGH = {"exchange": 120_000_000, "connect": 120_000_000, "first-byte": 120_000_000,
        "preflight": 120_000_000, "management": 120_000_000}


def row_of(tag):
    """The row of the summary that a tag belongs to, and whether its times are shown there."""
    phase, variant, journey, step, capability, event, action, outcome, kind = (
        unquote(part) for part in tag.split("/"))
    row = "|".join((phase, variant, journey, step, capability, event, action, kind))
    return row, outcome in ("", "advanced", "refused-as-expected"), kind


def at_rank(histogram, per_mille):
    count = histogram.get_total_count()
    rank = -(-count * per_mille // 1000)
    return histogram.get_value_at_percentile(100 * rank / count)


def main(path):
    lines, windows, rows, faulty = 0, set(), {}, {}
    # Only for a reader that adds into one histogram; here each line is decoded by itself.
    reader = HistogramLogReader(path, HdrHistogram(1, 3_600_000_000, 3))
    while histogram := reader.get_next_interval_histogram():
        lines += 1
        start = reader.get_start_time_sec() * 1000
        windows.add((round(histogram.get_start_time_stamp() - start),
                     round(histogram.get_end_time_stamp() - start)))
        row, is_good, kind = row_of(histogram.get_tag())
        if not is_good:
            faulty[row] = faulty.get(row, 0) + histogram.get_total_count()
            continue
        if row not in rows:
            rows[row] = HdrHistogram(1, HIGH.get(kind, 3_600_000_000), 3)
        rows[row].add(histogram)
    found = {}
    for row, histogram in rows.items():
        found[row] = {name: at_rank(histogram, part) for name, part in PER_MILLE.items()}
        found[row] |= {
            "count": histogram.get_total_count(),
            "min": histogram.get_min_value(),
            "max": histogram.get_max_value(),
        }
    print(json.dumps({
        "lines": lines,
        "start_ms": round(reader.get_start_time_sec() * 1000),
        "windows": sorted(windows),
        "rows": found,
        "faulty": faulty,
    }))


main(sys.argv[1])
