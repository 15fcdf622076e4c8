import pytest

from billing_core.passwords import COST, NoHash, PasswordHash, hash_password

QUICK = 4


def test_hash_fits_its_password_and_no_other() -> None:
    made = PasswordHash.read(hash_password("pässword", QUICK))
    assert made.fits("pässword")
    assert not any(made.fits(other) for other in ("", "Pässword", "pässword ", "\ud800"))


def test_hashes_of_one_password_differ_and_can_stand_in_a_variable() -> None:
    one, other = (hash_password("secret", QUICK) for _ in range(2))
    assert one != other
    assert not set(one) & set(",:$ '\"")
    assert "secret" not in one


def test_hash_costs_what_owasp_advises() -> None:
    made = PasswordHash.read(hash_password("secret"))
    assert (made.cost, made.block, made.turns) == (COST, 8, 3) == (15, 8, 3)
    assert made.fits("secret")


@pytest.mark.parametrize("text", ["", "secret", "scrypt.4.8.3.AAAA", "scrypt.4.8.3.A.AAAA", "scrypt.4.8.3.AA$A.AAAA"])
def test_what_is_no_hash_is_refused(text: str) -> None:
    with pytest.raises(NoHash):
        PasswordHash.read(text)
