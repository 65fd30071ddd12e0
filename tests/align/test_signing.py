import base64
from pathlib import Path

import msgspec
import pytest

from freehold.align.constitution import Constitution, Head, Principle, Signers
from freehold.align.signing import read_signatures, require, sign, signatures_file, valid_signers
from freehold.clock import FakeClock
from freehold.errors import InputError, IntegrityError, RefusedError
from freehold.ledger import FileSigner

PRINCIPLE = Principle(text="Be fair.", critique="Say where.", revision="Make it fair.")


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, FileSigner]:
    return {name: FileSigner.create(name, tmp_path / f"{name}.pem") for name in ("ada", "bob", "eve")}


def two_of_two(keys: dict[str, FileSigner], text: str = "Be fair.") -> Constitution:
    listed = {name: base64.b64encode(keys[name].public_key).decode() for name in ("ada", "bob")}
    return Constitution(
        head=Head(name="n", version="1"),
        principles={"one": msgspec.structs.replace(PRINCIPLE, text=text)},
        signers=Signers(threshold=2, keys=listed),
    )


def test_signing_is_enough_once_k_signers_agree(tmp_path: Path, keys: dict[str, FileSigner]) -> None:
    path, constitution = tmp_path / "c.toml", two_of_two(keys)
    sign(path, constitution, keys["ada"], "ada", "it is right", FakeClock())
    with pytest.raises(IntegrityError, match="1 of the 2"):
        require(path, constitution)
    sign(path, constitution, keys["bob"], "bob", "agreed", FakeClock())
    assert require(path, constitution) == ("ada", "bob")


def test_signing_twice_counts_once(tmp_path: Path, keys: dict[str, FileSigner]) -> None:
    path, constitution = tmp_path / "c.toml", two_of_two(keys)
    for why in ("first", "again"):
        found, _ = sign(path, constitution, keys["ada"], "ada", why, FakeClock())
    assert len(found.signatures) == 1


def test_signing_is_void_after_a_word_is_changed(tmp_path: Path, keys: dict[str, FileSigner]) -> None:
    path, constitution = tmp_path / "c.toml", two_of_two(keys)
    for who in ("ada", "bob"):
        sign(path, constitution, keys[who], who, "yes", FakeClock())
    with pytest.raises(IntegrityError, match="0 of the 2"):
        require(path, two_of_two(keys, text="Be unfair."))


@pytest.mark.parametrize("field", ["who", "why", "before", "signature", "time_ns"])
def test_signing_does_not_survive_a_changed_part(
    tmp_path: Path, keys: dict[str, FileSigner], field: str
) -> None:
    path, constitution = tmp_path / "c.toml", two_of_two(keys)
    found, _ = sign(path, constitution, keys["ada"], "ada", "yes", FakeClock())
    changed = {"who": "bob", "why": "no", "before": constitution.digest, "signature": "AAAA", "time_ns": 5}
    one = msgspec.structs.replace(found.signatures[0], **{field: changed[field]})
    assert (
        valid_signers(
            msgspec.structs.replace(found, signatures=(one,)), constitution.signers, constitution.digest
        )
        == ()
    )


def test_signing_refuses_who_is_not_listed(tmp_path: Path, keys: dict[str, FileSigner]) -> None:
    with pytest.raises(RefusedError) as caught:
        sign(tmp_path / "c.toml", two_of_two(keys), keys["eve"], "ada", "me too", FakeClock())
    assert caught.value.code == "align.not-a-signer"


def test_signing_a_change_is_for_the_signers_before_it(tmp_path: Path, keys: dict[str, FileSigner]) -> None:
    old = two_of_two(keys)
    eve = base64.b64encode(keys["eve"].public_key).decode()
    new = msgspec.structs.replace(old, signers=Signers(threshold=1, keys={"eve": eve}))
    with pytest.raises(RefusedError):
        sign(tmp_path / "c.toml", new, keys["eve"], "eve", "mine now", FakeClock(), before=old)
    _, record = sign(tmp_path / "c.toml", new, keys["ada"], "ada", "handing over", FakeClock(), before=old)
    assert (record.actor, record.action, record.why) == ("ada", "constitution.change", "handing over")
    assert (record.before, record.after) == (old.digest, new.digest)


@pytest.mark.parametrize("why", ["", "  ", "x" * 1001])
def test_signing_needs_a_reason(tmp_path: Path, keys: dict[str, FileSigner], why: str) -> None:
    with pytest.raises(InputError) as caught:
        sign(tmp_path / "c.toml", two_of_two(keys), keys["ada"], "ada", why, FakeClock())
    assert caught.value.code == "align.no-reason"


def test_signatures_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    signatures_file(tmp_path / "c.toml").write_text("not json", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_signatures(tmp_path / "c.toml")
    assert caught.value.code == "align.signatures"
