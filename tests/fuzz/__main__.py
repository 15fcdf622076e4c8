"""`python -m tests.fuzz TARGET --seconds N`: coverage-guided, by atheris. What breaks is kept in var/fuzz."""

import argparse
import logging
import sys
from pathlib import Path

import atheris
import structlog

FOUND = Path("var/fuzz")
LONGEST = 4096


def main() -> None:
    """Run one target until the time, or the number of runs, is over."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=["unsigned", "signed", "event", "shaped", "each"])
    parser.add_argument("--seconds", type=int, default=0, help="0: no limit")
    parser.add_argument("--runs", type=int, default=-1, help="-1: no limit")
    parser.add_argument("--seed", type=int, default=0, help="0: at random")
    asked = parser.parse_args()
    # Ours alone are watched: libraries would only slow it down.
    with atheris.instrument_imports(include=["ingest", "workers", "billing_core"]):
        from tests.fuzz.seeds import seeds, words  # noqa: PLC0415
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder = FOUND / asked.target
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(asked.target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    (folder / "words").write_text("\n".join(words()))
    options = [
        f"-max_total_time={asked.seconds}",
        f"-runs={asked.runs}",
        f"-seed={asked.seed}",
        f"-max_len={LONGEST}",
        f"-dict={folder / 'words'}",
        f"-artifact_prefix={folder}/",
        "-timeout=10",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[asked.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
