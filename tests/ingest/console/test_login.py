"""Who gets in, how they stay, and how they are put out."""

import time
from collections.abc import Callable, Iterator

import pytest
import structlog
from redis import Redis
from structlog.testing import capture_logs
from time_machine import travel

from billing_core import passwords
from billing_core.actions import list_actions
from billing_core.database import Database
from config.settings import SettingsError
from ingest.console.app import create_console
from ingest.console.attempts import MOST
from ingest.console.sessions import LONGEST
from tests.ingest.api.tokens import MINUTE, admin, admin_token, bearer, token, user
from tests.ingest.console.visitor import PASSWORD, USERS, Visitor, new_visitor, settings_for_console


def done(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(one["action"], one["subject"]) for one in reversed(list_actions(session))]


# --- before the login


def test_who_is_not_logged_in_is_sent_to_the_login_and_back(stranger: Visitor) -> None:
    for path in ("/", "/events", "/events/evt_1", "/parked", "/commands", "/actions", "/users/1"):
        answer = stranger.get(f"{path}?a=b", follow_redirects=False)
        assert answer.status_code == 303
        login = stranger.client.get(answer.headers["location"])
        assert f'name="next" value="/console{path}?a=b"' in login.text
    assert stranger.log_in(next="/console/parked?a=b").headers["location"] == "/console/parked?a=b"


def test_action_of_who_is_not_logged_in_is_refused(stranger: Visitor) -> None:
    assert stranger.post("/events/evt_1/replay", "").status_code == 401
    assert stranger.post("/logout", "").status_code == 401


def test_login_leads_to_no_other_place(stranger: Visitor) -> None:
    for address in (
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/console/login",
        "/console/../admin",
        "/console/events\r\nSet-Cookie: a=b",
        "/console/events\n",
        "javascript:alert(1)",
        "/other",
    ):
        assert stranger.log_in(next=address).headers["location"] == "/console/"
        stranger.client.cookies.clear()


# --- password


def test_right_password_opens_the_console_and_is_on_record(stranger: Visitor, any_database: Database) -> None:
    answer = stranger.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert "console:jo" in stranger.page("/actions")
    assert done(any_database) == [("console.login", "console:jo")]


def test_wrong_name_and_wrong_password_are_told_alike(stranger: Visitor) -> None:
    with capture_logs() as logs:
        for name, password in (("jo", "wrong"), ("jo", ""), ("nobody", PASSWORD), ("", ""), ("jo\0", PASSWORD)):
            answer = stranger.log_in(name, password)
            assert answer.status_code == 401
            assert "name and password do not fit" in answer.text
            assert PASSWORD not in answer.text
    assert stranger.get("/", follow_redirects=False).status_code == 303
    assert PASSWORD not in str(logs)
    assert {line["event"] for line in logs} == {"console.login_refused"}


def test_unknown_name_costs_as_much_as_a_wrong_password(stranger: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = list[int]()
    hashing = passwords._scrypt

    def counted(password: str, salt: bytes, cost: int, block: int, turns: int) -> bytes:
        tried.append(cost)
        return hashing(password, salt, cost, block, turns)

    monkeypatch.setattr(passwords, "_scrypt", counted)
    stranger.log_in("nobody", "wrong")
    stranger.log_in("jo", "wrong")
    assert tried == [4, 4]


def test_failed_logins_are_limited_by_name_from_wherever_they_come(stranger: Visitor) -> None:
    for _ in range(MOST):
        assert stranger.log_in(password="wrong").status_code == 401
    answer = stranger.log_in()
    assert answer.status_code == 429
    assert "wait 15 minutes" in answer.text


def test_failed_logins_are_limited_by_address_whatever_the_name(stranger: Visitor) -> None:
    for number in range(MOST):
        stranger.log_in(f"name{number}", "wrong")
    assert stranger.log_in().status_code == 429


def test_successful_logins_do_not_count(stranger: Visitor) -> None:
    for _ in range(MOST - 1):
        stranger.log_in(password="wrong")
    for _ in range(2):
        assert stranger.log_in().status_code == 303
        stranger.client.cookies.clear()


def test_neither_names_nor_addresses_are_kept(stranger: Visitor, redis_url: str) -> None:
    stranger.log_in("a-password-in-the-wrong-field", "wrong")
    with Redis.from_url(redis_url) as redis:
        kept = [key.decode() for key in redis.scan_iter("*console*")]
        assert len(kept) == 2
        assert all(0 < redis.ttl(key) <= 900 for key in kept)
    assert not any("a-password" in key or "testclient" in key for key in kept)


# --- token


def test_token_with_the_scope_opens_the_console(stranger: Visitor, any_database: Database) -> None:
    assert stranger.post("/login", stranger.csrf("/login"), token=admin_token()).status_code == 303
    assert "service:backend" in stranger.page("/actions")
    assert done(any_database) == [("console.login", "service:backend")]


@pytest.mark.parametrize(
    "make",
    [lambda: token("1"), lambda: token("backend"), lambda: token(scope="billing:admin", exp=1), lambda: "no token"],
    ids=["user", "no scope", "expired", "no token"],
)
def test_token_without_the_scope_opens_nothing(stranger: Visitor, make: Callable[[], str]) -> None:
    made = make()
    assert stranger.post("/login", stranger.csrf("/login"), token=made).status_code == 401
    assert stranger.get("/", follow_redirects=False).status_code == 303


def test_session_does_not_outlive_its_token(stranger: Visitor) -> None:
    short = token("backend", scope="billing:admin", exp=int(time.time()) + 5 * MINUTE)
    stranger.post("/login", stranger.csrf("/login"), token=short)
    with travel(time.time() + 4 * MINUTE):
        stranger.page("/actions")
    with travel(time.time() + 6 * MINUTE):
        assert stranger.get("/actions", follow_redirects=False).status_code == 303


def test_token_in_the_header_needs_no_session_and_no_form_token(stranger: Visitor, any_database: Database) -> None:
    assert stranger.get("/actions", headers=admin()).status_code == 200
    answer = stranger.client.post("/console/events/evt_none/replay", headers=admin(), data={"no": "token"})
    assert (answer.status_code, "not on record" in answer.text) == (400, True)
    assert stranger.get("/actions", headers=user(1)).status_code == 401
    assert stranger.get("/actions", headers=bearer("forged")).status_code == 401


# --- session


def test_cookie_is_for_this_host_over_tls_and_for_no_script(stranger: Visitor) -> None:
    cookie = stranger.log_in().headers["set-cookie"]
    name, *attributes = cookie.split("; ")
    assert name.startswith("__Host-console=")
    assert {one.lower() for one in attributes} == {"httponly", "secure", "samesite=strict", "path=/", "max-age=1800"}


def test_cookie_of_development_needs_no_tls(redis_url: str, any_database: Database) -> None:
    with new_visitor(settings_for_console(redis_url, any_database, env="development")) as visitor:
        cookie = visitor.log_in().headers["set-cookie"]
    assert cookie.startswith("console=")
    assert "secure" not in cookie.lower()


def test_session_ends_when_nothing_is_asked_and_lives_while_something_is(jo: Visitor) -> None:
    now = time.time()
    for minutes in (20, 40, 60):
        with travel(now + minutes * MINUTE):
            jo.page("/actions")
    with travel(now + 91 * MINUTE):
        assert jo.get("/actions", follow_redirects=False).status_code == 303


def test_session_ends_after_a_working_day_all_the_same(jo: Visitor) -> None:
    now = time.time()
    for begun in range(0, LONGEST, 20 * MINUTE):
        with travel(now + begun):
            assert jo.get("/actions", follow_redirects=False).status_code == 200
    with travel(now + LONGEST + 1):
        assert jo.get("/actions", follow_redirects=False).status_code == 303


def test_copied_cookie_is_worth_nothing_after_the_logout(jo: Visitor, any_database: Database) -> None:
    copied = dict(jo.client.cookies)
    assert jo.post("/logout").headers["location"] == "/console/login"
    assert done(any_database)[-1] == ("console.logout", "console:jo")
    jo.client.cookies.update(copied)
    assert jo.get("/actions", follow_redirects=False).status_code == 303


def test_session_of_a_user_who_is_no_more_or_may_less_ends(jo: Visitor, redis_url: str, any_database: Database) -> None:
    hashed = USERS.partition(",")[0].rpartition(":")[2]
    for users in (f"lee:admin:{hashed}", f"jo:read:{hashed}"):
        with new_visitor(settings_for_console(redis_url, any_database, console_users=users)) as later:
            later.client.cookies.update(jo.client.cookies)
            assert later.get("/actions", follow_redirects=False).status_code == 303


def test_session_of_another_secret_is_none(jo: Visitor, redis_url: str, any_database: Database) -> None:
    with new_visitor(settings_for_console(redis_url, any_database, console_secret="another secret" * 3)) as other:
        other.client.cookies.update(jo.client.cookies)
        assert other.get("/actions", follow_redirects=False).status_code == 303


def test_cookie_of_the_login_form_is_no_session(stranger: Visitor) -> None:
    stranger.get("/login")
    stranger.client.cookies["__Host-console"] = stranger.client.cookies["__Host-console-login"]
    assert stranger.get("/actions", follow_redirects=False).status_code == 303


def test_who_is_logged_in_goes_on_from_the_login_form(jo: Visitor) -> None:
    answer = jo.get("/login?next=/console/parked", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/parked")


# --- settings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"console_secret": None}, "BILLING_CONSOLE_SECRET is missing"),
        ({"console_secret": "short"}, "BILLING_CONSOLE_SECRET is shorter than 32 bytes"),
        ({"console_users": (), "jwt_secret": None}, "BILLING_CONSOLE_USERS is missing"),
        ({"console_users": "jo:hash"}, "BILLING_CONSOLE_USERS: each user must be"),
        ({"console_users": "jo:owner:scrypt.4.8.3.AAAA.AAAA"}, "BILLING_CONSOLE_USERS: each user must be"),
        ({"console_users": "jo:read:scrypt.4.8.3.A.AAAA"}, "BILLING_CONSOLE_USERS: each user must be"),
        ({"console_users": "j o:read:scrypt.4.8.3.AAAA.AAAA"}, "BILLING_CONSOLE_USERS: each user must be"),
        ({"console_users": ",".join(["jo:read:scrypt.4.8.3.AAAA.AAAA"] * 2)}, "BILLING_CONSOLE_USERS names jo twice"),
    ],
    ids=str,
)
def test_console_that_is_not_configured_does_not_start(
    redis_url: str, any_database: Database, changes: dict[str, object], named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as refused:
        create_console(settings_for_console(redis_url, any_database, **changes))
    assert "\n" not in str(refused.value)
    assert "AAAA" not in str(refused.value)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_login_form_offers_what_is_configured(redis_url: str, any_database: Database) -> None:
    for missing, offered in (("jwt_secret", (True, False)), ("console_users", (False, True))):
        with new_visitor(
            settings_for_console(redis_url, any_database, **{missing: None if "jwt" in missing else ()})
        ) as it:
            page = it.page("/login")
        assert ('name="password"' in page, 'name="token"' in page) == offered
