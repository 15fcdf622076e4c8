import re
from pathlib import Path

from pydantic import SecretStr

from config.loading import DEFAULT_SECRETS_DIR
from config.settings import VARIABLES, Settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
# A settings row has five cells; the variable is alone in the first, the default alone in the second.
ROW = re.compile(r"^\| `([A-Z_]+)` \| (`[^`]+`|none) \|[^|]*\|[^|]+\|[^|]+\|$", re.MULTILINE)


def written(default: object) -> str:
    match default:
        case None | ():
            return "none"
        case tuple():
            return f"`{','.join(map(str, default))}`"
        case bool():
            return f"`{str(default).lower()}`"
        case SecretStr():
            raise AssertionError("a secret must have no default")
    return f"`{default}`"


def test_page_lists_every_setting_once_with_its_default() -> None:
    expected = {VARIABLES[name]: written(field.default) for name, field in Settings.model_fields.items()}
    expected["BILLING_SECRETS_DIR"] = written(DEFAULT_SECRETS_DIR)
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) == len(expected)
    assert dict(rows) == expected
