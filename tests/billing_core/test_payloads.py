"""EventData: redacted always, sealed if there are keys, and opened by each of them."""

import json
import subprocess
import sys

import pytest

from billing_core.payloads import PLAIN, Payloads
from billing_core.redaction import REDACTED
from billing_core.sealed import CannotOpen, is_sealed
from billing_core.sealing import fingerprint

OLD, NEW = bytes(range(32)), bytes(range(1, 33))
UNREADABLE = b'{"name": "Zo\xeb'


def sealed(*keys: bytes, event_id: str = "evt_1") -> str:
    return Payloads(keys).kept(event_id, {"id": event_id, "email": "zoe@example.com"})


def test_without_keys_what_is_kept_is_json() -> None:
    assert json.loads(PLAIN.kept("evt_1", {"id": "evt_1", "email": "zoe@example.com"})) == {
        "id": "evt_1",
        "email": REDACTED,
    }
    assert PLAIN.newest_key is None


def test_sealed_payload_shows_its_key_and_nothing_else() -> None:
    stored = sealed(NEW)
    assert is_sealed(stored)
    assert stored.startswith(f"sealed:1:{fingerprint(NEW)}:")
    assert "evt_1" not in stored
    assert json.loads(Payloads([NEW]).read("evt_1", stored) or "") == {"id": "evt_1", "email": REDACTED}
    assert sealed(NEW) != stored  # a nonce of its own


def test_rotation_seals_with_the_first_key_and_opens_with_each() -> None:
    both = Payloads([NEW, OLD])
    assert both.newest_key == fingerprint(NEW)
    assert json.loads(both.read("evt_1", sealed(OLD)) or "")["id"] == "evt_1"
    assert sealed(NEW, OLD).startswith(f"sealed:1:{fingerprint(NEW)}:")


@pytest.mark.parametrize("payloads", [PLAIN, Payloads([NEW])], ids=["none", "another"])
def test_missing_key_is_named_by_its_fingerprint(payloads: Payloads) -> None:
    with pytest.raises(CannotOpen, match=f"^evt_1: .* key {fingerprint(OLD)}, .* BILLING_EVENT_DATA_KEYS$"):
        payloads.read("evt_1", sealed(OLD))


@pytest.mark.parametrize("change", [lambda text: text[:-4] + "AAAA", lambda text: text[:30], lambda text: text + "!"])
def test_payload_that_was_changed_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(CannotOpen, match="changed"):
        Payloads([NEW]).read("evt_1", change(sealed(NEW)))


def test_payload_of_another_event_is_refused() -> None:
    with pytest.raises(CannotOpen, match="another event's"):
        Payloads([NEW]).read("evt_2", sealed(NEW))


def test_plain_and_missing_payloads_are_read_with_keys_too() -> None:
    both = Payloads([NEW])
    assert both.read("evt_1", '{"id":"evt_1"}') == '{"id":"evt_1"}'
    assert both.read("evt_1", None) is None


def test_of_what_is_no_json_nothing_is_readable() -> None:
    kept = json.loads(PLAIN.kept_of_any("evt_1", UNREADABLE))
    assert kept.keys() == {"unreadable"}
    assert kept["unreadable"]["bytes"] == len(UNREADABLE)


def test_what_is_no_json_is_kept_whole_under_a_seal() -> None:
    payloads = Payloads([NEW])
    assert payloads.read("evt_1", payloads.kept_of_any("evt_1", UNREADABLE)) == UNREADABLE.decode(errors="replace")


def test_traceback_about_what_is_no_json_stays_as_it_is() -> None:
    assert PLAIN.scrubbed("Traceback", UNREADABLE) == "Traceback"


def test_seals_are_loaded_only_with_keys() -> None:
    code = "import sys, workers.batch; sys.exit('billing_core.sealing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
