"""An experiment from its job to its file."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.published import files, rows
from benchmarks.published.experiments import EXPERIMENTS, RESULTS, job
from benchmarks.published.training import train
from gatelab.specs import JobSpec, RunSpec
from gatelab.specs.resolved import resolved
from gatelab.text import Corpus

Known = Mapping[RunSpec, dict[str, str]]
"""Resolved spec -> what was measured of it."""


def measure(job: JobSpec, file: Path, text: str, threads: int, known: Known) -> None:
    """Train the runs that are not known, seed by seed, and write the file after each pack."""
    runs, text_sha256 = rows.specs(job), Corpus("", text).sha256
    names = {index: rows.named(job, index, spec, text_sha256) for index, spec in runs.items()}
    have = {index: names[index] | known[key] for index, spec in runs.items() if (key := resolved(spec)) in known}
    missing = {index: spec for index, spec in runs.items() if index not in have}
    in_order = dict(sorted(missing.items(), key=lambda item: (item[1].training.seed, item[0])))
    print(f"{job.name}: {len(have)} of {len(runs)} runs are there", flush=True)
    for pack in train(in_order, text, threads):
        have |= {index: names[index] | rows.measured(runs[index], trained) for index, trained in pack.items()}
        files.write(file, [have[index] for index in sorted(have)])
        shown = ", ".join(f"run {index}, validation loss {have[index]['validation_loss']}" for index in pack)
        print(f"{len(have)} of {len(runs)}: {shown}", flush=True)
    files.write(file, [have[index] for index in sorted(have)])


def known(text: str, folder: Path = RESULTS) -> dict[RunSpec, dict[str, str]]:
    """What the files have of this text. Two experiments that share a run train it once.

    Rows are found by their seed and values: their index is another one where an experiment has got more seeds since.
    """
    found: dict[RunSpec, dict[str, str]] = {}
    text_sha256 = Corpus("", text).sha256
    for name in EXPERIMENTS:
        asked, file = job(name), folder / f"{name}.csv"
        specs = rows.specs(asked).values()
        runs = {_without_index(rows.named(asked, 0, spec, text_sha256)): spec for spec in specs}
        for row in files.read(file) if file.exists() else ():
            if spec := runs.get(_without_index({column: row.get(column, "") for column in rows.names(asked)})):
                found[resolved(spec)] = {column: row[column] for column in rows.MEASURED}
    return found


def _without_index(names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((column, value) for column, value in names.items() if column != "index")
