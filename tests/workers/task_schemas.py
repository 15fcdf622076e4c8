"""The JSON Schemas of the command tasks. `python -m tests.workers.task_schemas` writes them to docs/schemas/."""

import json
from pathlib import Path
from typing import Any

from billing_core.commands.arguments import ARGUMENTS
from billing_core.commands.ledger import LONGEST_TEXT
from config.queues import COMMAND_TASKS

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"


def schema_of(task: str) -> dict[str, Any]:
    """Return what the keyword arguments of a task are."""
    schema = ARGUMENTS[task.removeprefix("billing.")].model_json_schema()
    text = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
    schema["properties"] |= {
        "idempotency_key": text | {"description": "the same key again is the same command; by default the task's ID"},
        "subject": text | {"description": "who asks, for the record"},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": task}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for task in COMMAND_TASKS:
        (FOLDER / f"{task}.json").write_text(json.dumps(schema_of(task), indent=2) + "\n")


if __name__ == "__main__":
    main()
