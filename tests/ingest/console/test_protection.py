"""What other people's pages, forms and headers cannot do."""

import pytest
from structlog.testing import capture_logs

from ingest.console.forms import LARGEST
from ingest.console.protection import HEADERS
from tests.ingest.console.visitor import HOST, Visitor

REPLAY = "/events/evt_1/replay"


def test_every_answer_has_the_headers(jo: Visitor) -> None:
    expected = HEADERS | {"Strict-Transport-Security": "max-age=31536000", "Cache-Control": "no-store"}
    for path in ("/", "/login", "/events", "/nothing", "/static/console.css", "/static/nothing"):
        answer = jo.get(path)
        assert {name: answer.headers.get_list(name) for name in expected} == {n: [v] for n, v in expected.items()}, path
    assert "unsafe" not in HEADERS["Content-Security-Policy"]


def test_pages_have_no_script_and_no_inline_style(jo: Visitor) -> None:
    for path in ("/", "/login", "/events", "/parked", "/commands", "/actions", "/nothing"):
        page = jo.get(path).text.lower()
        unsafe = ("<script", "<style", "style=", "javascript:", " onclick=", " onload=")
        assert [found for found in unsafe if found in page] == [], path


def test_form_of_another_origin_is_refused_though_its_token_is_right(jo: Visitor) -> None:
    token = jo.csrf()
    others = ("https://evil.example", "null", HOST.replace("https", "http"), f"{HOST}.evil.example", f"{HOST}:8443", "")
    for origin in others:
        for path in (REPLAY, "/events/replay", "/customers/cus_1/link", "/logout"):
            answer = jo.client.post(f"/console{path}", data={"csrf": token, "user_id": "1"}, headers={"Origin": origin})
            assert (answer.status_code, "another site" in answer.text) == (403, True), origin
    assert jo.get("/actions").status_code == 200


def test_browser_that_sends_no_origin_must_say_that_the_form_is_ours(jo: Visitor) -> None:
    token = jo.csrf()
    del jo.client.headers["Origin"]
    assert jo.post(REPLAY, token).status_code == 403
    jo.client.headers["Sec-Fetch-Site"] = "cross-site"
    assert jo.post(REPLAY, token).status_code == 403
    jo.client.headers["Sec-Fetch-Site"] = "same-origin"
    assert jo.post(REPLAY, token).status_code == 400  # there is no such event


def test_form_without_its_own_sessions_token_is_refused(jo: Visitor, lee: Visitor) -> None:
    for token in ("", "wrong", "ü", "x" * 1000, lee.csrf()):
        assert jo.post(REPLAY, token).status_code == 403


def test_login_is_a_form_of_ours_too(stranger: Visitor) -> None:
    token = stranger.csrf("/login")
    assert stranger.post("/login", "wrong", name="jo", password="x").status_code == 403
    stranger.client.cookies.clear()
    assert stranger.post("/login", token, name="jo", password="x").status_code == 403


def test_what_is_no_form_is_refused(jo: Visitor) -> None:
    form = "application/x-www-form-urlencoded"
    for body, media_type in (
        (b"csrf=x", "text/plain"),
        (b"{}", "application/json"),
        (b"csrf=\xff", form),
        (b"a=" + b"x" * LARGEST, form),
        (b"&".join([b"a=1"] * 60), form),
    ):
        answer = jo.client.post(f"/console{REPLAY}", content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 400, body[:20]


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
