"""Sealing and unsealing under keys that rotate; what is sealed where is shown by those who keep it."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.ground.errors import Misconfigured, Sealed
from subscriptions.ground.vault import Vault

OLD = bytes(range(32))
NEW = bytes(range(32, 64))
PLACE = b"webhook:8f14e45f-ceea-467f-a8f0-6d1c2f3e4d5c:secret"


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.binary())
def test_what_was_sealed_is_unsealed(text: str, context: bytes) -> None:
    """Any text comes back as it was, in its own place."""
    vault = Vault([("old", OLD)])

    assert text == vault.unseal(vault.seal(text, context=context), context=context)


def test_the_same_text_is_never_sealed_alike() -> None:
    """Two seals of one secret do not show that it is one, nor the secret itself."""
    vault = Vault([("old", OLD)])

    first, second = vault.seal("s3cr3tKey", context=PLACE), vault.seal("s3cr3tKey", context=PLACE)

    assert first != second
    assert b"s3cr3tKey" not in first


def test_a_rotation_reads_the_old_and_writes_the_new() -> None:
    """With a new key first, what the old one sealed is read and asks to be sealed again; then the old one may go."""
    before = Vault([("old", OLD)]).seal("s3cr3tKey", context=PLACE)
    rotating = Vault([("new", NEW), ("old", OLD)])

    again = rotating.seal(rotating.unseal(before, context=PLACE), context=PLACE)

    assert rotating.needs_resealing(before)
    assert not rotating.needs_resealing(again)
    assert Vault([("new", NEW)]).unseal(again, context=PLACE) == "s3cr3tKey"


def test_a_missing_key_is_named() -> None:
    """Without the key that sealed it a text stays sealed, and the error says which key is needed."""
    sealed = Vault([("old-2025", OLD)]).seal("s3cr3tKey", context=PLACE)
    vault = Vault([("new", NEW)])

    assert vault.needs_resealing(sealed)
    with pytest.raises(Sealed, match="'old-2025', which is not in HOOKLAKE_VAULT_KEYS"):
        vault.unseal(sealed, context=PLACE)


def test_another_key_of_the_same_id_unseals_nothing() -> None:
    """A key that was replaced under its old id is told apart from one that is missing."""
    sealed = Vault([("main", OLD)]).seal("s3cr3tKey", context=PLACE)

    with pytest.raises(Sealed, match="another key of the id 'main'"):
        Vault([("main", NEW)]).unseal(sealed, context=PLACE)


def test_a_seal_is_bound_to_its_place() -> None:
    """A secret copied into another webhook's row does not unseal there."""
    vault = Vault([("old", OLD)])
    sealed = vault.seal("s3cr3tKey", context=PLACE)

    with pytest.raises(Sealed):
        vault.unseal(sealed, context=b"webhook:another:secret")


def test_no_changed_byte_goes_unnoticed() -> None:
    """Whichever byte is flipped, nothing is unsealed."""
    vault = Vault([("old", OLD)])
    sealed = vault.seal("s3cr3tKey", context=PLACE)

    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(Sealed):
            vault.unseal(changed, context=PLACE)


@given(st.binary(max_size=80))
def test_foreign_bytes_are_refused(data: bytes) -> None:
    """What no vault sealed raises Sealed, whatever it is."""
    vault = Vault([("old", OLD)])

    with pytest.raises(Sealed):
        vault.unseal(data, context=PLACE)


def test_what_is_too_short_to_be_sealed_is_not_asked_to_be_sealed_again() -> None:
    """A seal cut short is reported, not taken for one by an old key."""
    with pytest.raises(Sealed, match="too short"):
        Vault([("old", OLD)]).needs_resealing(b"\x03old" + bytes(27))


def test_the_environment_names_the_keys_in_order() -> None:
    """The first of the keys in the setting seals, the others unseal."""
    vault = Vault.parse(f" new:{encoded(NEW)} , old:{encoded(OLD)},")

    assert vault.unseal(Vault([("old", OLD)]).seal("a", context=PLACE), context=PLACE) == "a"
    assert Vault([("new", NEW)]).unseal(vault.seal("b", context=PLACE), context=PLACE) == "b"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no key"),
        (" , ", "holds no key"),
        (encoded(OLD), "an entry without an id"),
        (f":{encoded(OLD)}", "the id '' is not"),
        (f"{'k' * 65}:{encoded(OLD)}", "is not 1 to 64 printable ASCII characters"),
        (f"schlüssel:{encoded(OLD)}", "is not 1 to 64 printable ASCII characters"),
        ("old:not base64!", "the key 'old' is not base64"),
        ("old:" + encoded(OLD)[:-1], "the key 'old' is not base64"),
        ("old:", "the key 'old' has 0 bytes, not 32"),
        (f"old:{encoded(OLD[:16])}", "the key 'old' has 16 bytes, not 32"),
        (f"old:{encoded(OLD)},old:{encoded(NEW)}", "names the key 'old' twice"),
    ],
)
def test_keys_that_cannot_serve_are_named(text: str, sentence: str) -> None:
    """A wrong setting is one clear sentence that names the variable and quotes no key."""
    with pytest.raises(Misconfigured, match="HOOKLAKE_VAULT_KEYS") as caught:
        Vault.parse(text)

    assert sentence in str(caught.value)
    assert encoded(OLD)[:-1] not in str(caught.value)


def test_a_vault_shows_no_key() -> None:
    """Printing a vault into a log gives nothing away."""
    vault = Vault.parse(f"old:{encoded(OLD)}")

    assert "old" not in repr(vault)
    assert encoded(OLD) not in repr(vault)
