"""What was said, sealed under its tenant's key: through a real ledger, until the key is destroyed."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from freehold.cli.main import cli
from freehold.errors import UnavailableError
from freehold.gateway.content import SEALED_BYTES_MAX, Said, Seal, sealed_record
from freehold.ledger import LedgerSettings, open_recorder, open_vault
from freehold.ledger.content import FileContentKeys
from freehold.ledger.files import FileReader
from freehold.ledger.layout import writer_folder
from freehold.ledger.opening import CONTENT_KEYS
from freehold.ledger.verify import verify_together
from freehold.pocket import FaultRule
from freehold.types.names import RecordId
from freehold.types.records import CallRecord, Content
from tests.gateway.running import Got, Kept, ask, street
from tests.gateway.sharing import keys_for

SECRET = "the password is swordfish"


async def call_into(root: Path, stream: bool) -> tuple[Got, CallRecord]:
    """One call through a gateway that seals; its answer and its record as it is on disk."""
    settings = LedgerSettings(path=str(root))
    recorder, kept = open_recorder(settings, root), Kept()
    kept.record = recorder.record  # type: ignore[method-assign]  # records go to the ledger instead
    async with street(("openai",), kept=kept, seal=open_vault(root).seal) as place:
        got = await place.post(ask(f"[pocket echo] {SECRET}", stream=stream))
    recorder.close()
    leaf = next(FileReader(writer_folder(root, settings.writer)).leaves(0, 1))
    return got, msgspec.json.decode(leaf, type=CallRecord)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_was_said_is_sealed_and_opens_until_its_key_is_destroyed(
    tmp_path: Path, stream: bool
) -> None:
    got, call = await call_into(tmp_path, stream)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"swordfish" not in stored
    assert call.request is not None and call.response is not None
    vault = open_vault(tmp_path)
    assert SECRET.encode() in vault.open("default", call.id, "request", call.request)
    said = vault.open("default", call.id, "response", call.response)
    assert said == got.body

    FileContentKeys(tmp_path / CONTENT_KEYS).destroy("default")
    with pytest.raises(UnavailableError, match="erased"):
        vault.open("default", call.id, "request", call.request)
    reports = verify_together([FileReader(writer_folder(tmp_path, "local"))], None)
    assert all(report.holds for report in reports)


async def test_each_callers_words_are_sealed_under_its_own_key_and_only_its_own_are_erased(
    tmp_path: Path,
) -> None:
    ring, secrets = keys_for(tmp_path, "ann", "bob")
    kept, recorder = Kept(), open_recorder(LedgerSettings(path=str(tmp_path)), tmp_path)
    kept.record = recorder.record  # type: ignore[method-assign]  # records go to the ledger instead
    async with street(("openai",), kept=kept, keys=ring, seal=open_vault(tmp_path).seal) as place:
        for name, secret in secrets.items():
            said = ask(f"[pocket echo] I am {name}")
            await place.post(said, headers={"authorization": f"Bearer {secret}"})
    recorder.close()
    reader = FileReader(writer_folder(tmp_path, "local"))
    ann, bob = (msgspec.json.decode(leaf, type=CallRecord) for leaf in reader.leaves(0, 2))
    assert ann.key and bob.key and ann.key != bob.key and ann.request and bob.request
    vault = open_vault(tmp_path)
    assert b"I am ann" in vault.open(ann.key, ann.id, "request", ann.request)

    erased = CliRunner().invoke(cli, ["ledger", "erase", ann.key, "--yes", "--ledger", str(tmp_path)])
    assert erased.exit_code == 0
    with pytest.raises(UnavailableError, match="erased"):
        vault.open(ann.key, ann.id, "request", ann.request)
    assert b"I am bob" in vault.open(bob.key, bob.id, "request", bob.request)
    assert all(report.holds for report in verify_together([reader], None))


async def test_stream_is_kept_as_was_wanted_when_it_began(tmp_path: Path) -> None:
    """Content is switched off while a stream is on its way, and the other way round."""
    slow = {0: {"slow": FaultRule(fault="slow_drip", seconds=0.001, bytes=100)}}
    vault = open_vault(tmp_path)
    async with street(("openai",), kept=(kept := Kept()), seal=vault.seal, faults=slow) as place:
        for then in (None, vault.seal):
            running = asyncio.create_task(place.post(ask("[pocket echo] so be it", stream=True)))
            async with asyncio.timeout(5):
                while not any(getattr(one.call, "said", None) for one in place.plane.connections):
                    await asyncio.sleep(0)
            place.plane.sealings.use(then)
            await running
    first, second = sorted(kept.calls, key=lambda call: call.id)  # sealing takes its time
    assert first.request is not None and first.request.key_name
    assert second.request is not None and second.request.key_name is None
    assert second.response is not None and second.response.length


async def test_refused_call_is_sealed_like_any_other(tmp_path: Path) -> None:
    async with street(("openai",), kept=(kept := Kept()), seal=open_vault(tmp_path).seal) as place:
        await place.post(ask(SECRET, model="nobody"))
    assert kept.calls[0].request is not None
    assert kept.calls[0].request.key_name
    assert kept.calls[0].response is None


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_only_digest_and_length_are_kept_by_default(stream: bool) -> None:
    async with street(("openai",), kept=(kept := Kept())) as place:
        got = await place.post(body := msgspec.json.encode(ask(stream=stream)))
    call = kept.calls[0]
    assert call.request is not None and call.response is not None
    assert call.request.digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert call.response.digest == f"sha256:{hashlib.sha256(got.body).hexdigest()}"
    assert (call.request.length, call.response.length) == (len(body), len(got.body))
    assert call.request.sealed_base64 is None


def sealer(error: Exception | None = None) -> Seal:
    def seal(tenant: str, id: RecordId, part: str, data: bytes) -> Content:
        if error is not None:
            raise error
        return Content(length=len(data), key_name=tenant)

    return seal


def test_record_goes_without_content_that_cannot_be_sealed_and_says_why() -> None:
    made = sealed_record(sealer(OSError("disk full")), CallRecord(id=RecordId("1"), time_ns=1), b"a", b"b")
    assert made.request is None
    assert made.unknown["request"] == "it could not be sealed: OSError"


def test_what_is_longer_than_the_limit_is_cut_and_says_so() -> None:
    said = Said()
    for _ in range(3):
        said.add(b"x" * SEALED_BYTES_MAX)
    made = sealed_record(sealer(), CallRecord(id=RecordId("1"), time_ns=1), b"a", said.whole())
    assert made.response == Content(length=SEALED_BYTES_MAX, key_name="default")
    assert "first" in made.unknown["response"]
