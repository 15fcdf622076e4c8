"""What other people's pages, forms and headers cannot do."""

import pytest
from structlog.testing import capture_logs

from ingest.console.forms import LARGEST
from ingest.console.protection import HEADERS
from tests.ingest.console.visitor import HOST, Visitor

REPLAY = "/events/evt_1/replay"


@pytest.mark.parametrize("path", ["/", "/login", "/events", "/nothing", "/static/console.css", "/static/nothing"])
def test_every_answer_has_the_headers(jo: Visitor, path: str) -> None:
    answer = jo.get(path)
    expected = HEADERS | {"Strict-Transport-Security": "max-age=31536000", "Cache-Control": "no-store"}
    assert {name: answer.headers[name] for name in expected} == expected
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/login", "/events", "/parked", "/commands", "/actions", "/nothing"])
def test_pages_have_no_script_and_no_inline_style(jo: Visitor, path: str) -> None:
    page = jo.get(path).text.lower()
    assert not [
        found for found in ("<script", "style=", "<style", " on", "javascript:") if f" {found.strip()}=" in page
    ]
    assert "<script" not in page
    assert "style=" not in page


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": HOST.replace("https", "http")},
        {"Origin": f"{HOST}.evil.example"},
        {"Origin": f"{HOST}:8443"},
    ],
    ids=str,
)
def test_form_of_another_origin_is_refused_though_its_token_is_right(jo: Visitor, headers: dict[str, str]) -> None:
    token = jo.csrf()
    jo.client.headers.update(headers)
    for path in (REPLAY, "/events/replay", "/customers/cus_1/link", "/logout"):
        answer = jo.post(path, token, user_id="1")
        assert (answer.status_code, "another site" in answer.text) == (403, True)
    assert jo.get("/actions").status_code == 200


def test_browser_that_sends_no_origin_must_say_that_the_form_is_ours(jo: Visitor) -> None:
    token = jo.csrf()
    del jo.client.headers["Origin"]
    assert jo.post(REPLAY, token).status_code == 403
    jo.client.headers["Sec-Fetch-Site"] = "cross-site"
    assert jo.post(REPLAY, token).status_code == 403
    jo.client.headers["Sec-Fetch-Site"] = "same-origin"
    assert jo.post(REPLAY, token).status_code == 400  # there is no such event


@pytest.mark.parametrize("token", ["", "wrong", "ü", "x" * 1000])
def test_form_without_its_sessions_token_is_refused(jo: Visitor, token: str) -> None:
    assert jo.post(REPLAY, token).status_code == 403


def test_token_of_another_session_is_refused(jo: Visitor, lee: Visitor) -> None:
    assert jo.post(REPLAY, lee.csrf()).status_code == 403


def test_login_is_a_form_of_ours_too(stranger: Visitor) -> None:
    token = stranger.csrf("/login")
    assert stranger.post("/login", "wrong", name="jo", password="x").status_code == 403
    stranger.client.cookies.clear()
    assert stranger.post("/login", token, name="jo", password="x").status_code == 403


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"csrf=x", "text/plain"),
        (b"{}", "application/json"),
        (b"csrf=\xff", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * LARGEST, "application/x-www-form-urlencoded"),
        (b"&".join([b"a=1"] * 60), "application/x-www-form-urlencoded"),
    ],
    ids=["text", "json", "no UTF-8", "large", "many"],
)
def test_what_is_no_form_is_refused(jo: Visitor, body: bytes, media_type: str) -> None:
    answer = jo.client.post(f"/console{REPLAY}", content=body, headers={"Content-Type": media_type})
    assert answer.status_code == 400


def test_action_is_no_link(jo: Visitor) -> None:
    for path in (REPLAY, "/customers/cus_1/link", "/logout"):
        assert jo.get(path).status_code in {404, 405}


def test_page_that_fails_says_nothing_of_why_and_the_log_does(jo: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("ingest.console.pages.actions.list_actions", fail)
    with capture_logs() as logs:
        answer = jo.get("/actions")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert [line["event"] for line in logs] == ["console.failed"]
