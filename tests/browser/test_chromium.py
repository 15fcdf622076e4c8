import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Error, Page

PAGE = (
    b"<!doctype html><title>here</title><h1>plain</h1><script>document.querySelector('h1').textContent = 'run'</script>"
)


class _Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_of_this_machine_is_shown_and_its_script_runs(page: Page, url: str, complaints: list[str]) -> None:
    page.goto(url)

    assert page.title() == "here"
    assert page.locator("h1").inner_text() == "run"
    assert complaints == [line for line in complaints if "404" in line]  # no favicon
    complaints.clear()


def test_no_name_outside_is_looked_up(page: Page, complaints: list[str]) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("https://dashboard.stripe.com/")
    complaints.clear()
