from pathlib import Path
from runpy import run_path
from typing import Any

import flower.options  # noqa: F401  (defines the options that the file names)
import pytest
from celery.events.state import Task
from tornado.options import options

from config.celery import celery_configuration
from config.flower_tasks import shown
from config.settings import Settings, SettingsError

FILE = Path(__file__).parents[2] / "config" / "flower.py"
USER = "operator:correct-horse-battery"
OAUTH = {
    "BILLING_FLOWER_OAUTH_PROVIDER": "github",
    "BILLING_FLOWER_OAUTH_KEY": "client",
    "BILLING_FLOWER_OAUTH_SECRET": "client-secret",
    "BILLING_FLOWER_OAUTH_REDIRECT_URI": "https://ops.example/flower/login",
    "BILLING_FLOWER_OAUTH_EMAILS": ".*@example.com",
}
HELPERS = {"authenticated", "load_settings", "shown"}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    """Return the options that Flower takes from the file."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return {name: value for name, value in run_path(str(FILE)).items() if name.islower() and not name.startswith("_")}


def refusal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    with pytest.raises(SystemExit) as caught:
        given(monkeypatch, **environment)
    return str(caught.value)


def test_developers_flower_is_open_and_listens_on_loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch, BILLING_ENV="development", BILLING_FLOWER_PORT="5678")
    assert (found["port"], found["address"], found["basic_auth"]) == (5678, "127.0.0.1", [])
    assert "auth" not in found


@pytest.mark.parametrize(
    "environment",
    [{"BILLING_ENV": "test"}, {"BILLING_ENV": "development", "BILLING_FLOWER_ADDRESS": "0.0.0.0"}],
)
def test_flower_does_not_start_open_to_others(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    assert refusal(monkeypatch, **environment).startswith(
        "BILLING_FLOWER_BASIC_AUTH or BILLING_FLOWER_OAUTH_PROVIDER is missing"
    )


def test_users_with_passwords_may_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch, BILLING_ENV="test", BILLING_FLOWER_BASIC_AUTH=f"{USER}, second:{USER}")
    assert found["basic_auth"] == [USER, f"second:{USER}"]


def test_whom_a_provider_knows_may_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch, BILLING_ENV="test", **OAUTH)
    assert found["auth_provider"] == "flower.views.auth.GithubLoginHandler"
    assert found["auth"] == ".*@example.com"
    assert (found["oauth2_key"], found["oauth2_secret"]) == ("client", "client-secret")
    assert found["oauth2_redirect_uri"] == "https://ops.example/flower/login"


def test_prefix_is_taken_with_and_without_slashes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert given(monkeypatch, BILLING_FLOWER_URL_PREFIX="/ops/flower/")["url_prefix"] == "ops/flower"


def test_address_of_flower_on_its_own_machine() -> None:
    assert Settings(flower_url_prefix="flower").flower_url == "http://127.0.0.1:5555/flower"
    assert Settings(flower_address="0.0.0.0").flower_url == "http://127.0.0.1:5555"
    assert Settings(flower_address="10.0.0.1").flower_url == "http://10.0.0.1:5555"


def test_flower_does_not_switch_on_what_workers_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    assert celery_configuration(Settings(task_events=False))["worker_send_task_events"] is False
    assert given(monkeypatch, BILLING_TASK_EVENTS="false")["enable_events"] is False
    assert given(monkeypatch, BILLING_TASK_EVENTS="true")["enable_events"] is True


def test_what_flower_saw_is_kept_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = given(monkeypatch, BILLING_FLOWER_DB=str(tmp_path / "kept" / "tasks"))
    assert found["persistent"] is True
    assert found["db"] == str(tmp_path / "kept" / "tasks")
    assert (tmp_path / "kept").is_dir()


def test_every_option_is_one_that_flower_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch, BILLING_ENV="test", **OAUTH).keys() - HELPERS - {"sys"}
    assert found >= {"port", "basic_auth", "auth", "persistent", "format_task"}
    assert [name for name in found if name not in options] == []


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"flower_basic_auth": USER, "flower_oauth_provider": "github"}, "exclude each other"),
        (
            {"flower_oauth_provider": "github"},
            "BILLING_FLOWER_OAUTH_EMAILS is missing beside BILLING_FLOWER_OAUTH_PROV",
        ),
    ],
)
def test_what_does_not_fit_together_stops_every_process(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        Settings(env="test", **values)


@pytest.mark.parametrize("user", ["operator", "operator:short", ":correct-horse-battery"])
def test_user_without_a_good_password_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    said = refusal(monkeypatch, BILLING_FLOWER_BASIC_AUTH=user)
    assert said.startswith("BILLING_FLOWER_BASIC_AUTH: ")
    assert user not in said


def test_task_is_shown_with_its_events_and_what_came_of_them() -> None:
    task = shown(Task(uuid="1", args="(['evt_1', 'evt_2'],)", result="'applied=1 stale=1 lag=0.120s'"))
    assert (task.args, task.result) == ("evt_1 evt_2", "applied=1 stale=1 lag=0.120s")


def test_task_of_many_events_names_the_first() -> None:
    listed = ", ".join(f"'evt_{number}'" for number in range(100))
    assert shown(Task(uuid="1", args=f"([{listed}],)")).args == "evt_0 evt_1 evt_2 and 97 more"


def test_task_that_is_not_of_events_is_shown_as_it_is() -> None:
    task = shown(Task(uuid="1", args="('cmd_1',)", kwargs="{}"))
    assert (task.args, task.result) == ("('cmd_1',)", None)
