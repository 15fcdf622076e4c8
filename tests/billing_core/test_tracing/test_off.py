"""While traces are off, nothing of them is imported: what asks for them does so where they are on."""

import ast

from tests.config.logged import PACKAGES
from tests.run.procfile import ROOT

FREE = {"billing_core.tracing.extra"}  # it looks whether the extra is there, and imports nothing


def is_tracing(module: str) -> bool:
    return module.startswith(("opentelemetry", "billing_core.tracing")) or module.endswith(".traced")


def test_only_modules_of_traces_import_them_at_once() -> None:
    eager = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            imported = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ImportFrom)]
            names = {f"{node.module}.{one.name}" for node in imported for one in node.names}
            names |= {str(node.module) for node in imported}
            if not is_tracing(module):
                eager |= {(module, name) for name in names if is_tracing(name) and not name.startswith(tuple(FREE))}
    assert eager == set()
