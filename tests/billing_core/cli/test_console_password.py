import json

import pytest
from pydantic import SecretStr

from ingest.console.operators import Operators, Role
from tests.billing_core.cli.operator import billing


def test_made_up_password_opens_the_console_with_the_entry_printed() -> None:
    answer = billing("console-password", "jo", "--admin")
    assert answer.code == 0
    password = answer.err.removeprefix("password: ").strip()
    operator = Operators([SecretStr(answer.out.strip())]).authenticate("jo", password)
    assert (operator.subject, operator.role) == ("console:jo", Role.ADMIN)


def test_json_has_name_password_and_entry() -> None:
    made = json.loads(billing("console-password", "lee", "--json").out)
    assert Operators([SecretStr(made["entry"])]).authenticate("lee", made["password"]).role is Role.READ


@pytest.mark.parametrize(("password", "code"), [("a password of one's own", 0), ("too short", 2)])
def test_password_can_be_ones_own(monkeypatch: pytest.MonkeyPatch, password: str, code: int) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: password)
    answer = billing("console-password", "jo", "--ask")
    assert answer.code == code
    assert password not in answer.out + answer.err
    if code == 0:
        assert Operators([SecretStr(answer.out.strip())]).authenticate("jo", password).subject == "console:jo"


@pytest.mark.parametrize("name", ["", "a,b", "a:b", "jo hn", "-x" * 40, "ü"])
def test_name_that_the_setting_cannot_hold_is_refused(name: str) -> None:
    answer = billing("console-password", "--", name)
    assert (answer.code, answer.out) == (2, "")
