from pathlib import Path

import pytest

from tests.run.errors import CannotRun
from tests.run.procfile import read_procfile


def test_our_procfile_has_the_release_first() -> None:
    assert list(read_procfile()) == ["release", "web", "worker", "beat", "flower", "console"]


def test_comments_and_empty_lines_are_no_processes(tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    file.write_text("# what runs\n\nweb: python -m ingest --flag: x\n")
    assert read_procfile(file) == {"web": "python -m ingest --flag: x"}


def test_line_of_another_form_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    file.write_text("web: python -m ingest\nworker celery\n")
    with pytest.raises(CannotRun, match=r"Procfile:2: .*: worker celery"):
        read_procfile(file)
