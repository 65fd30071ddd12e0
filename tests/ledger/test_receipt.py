import asyncio
import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from freehold.config.values import Duration
from freehold.errors import FreeholdError, InputError, IntegrityError
from freehold.ledger import Ledger
from freehold.ledger.files import FileReader
from freehold.ledger.note import Verifier
from freehold.ledger.receipt import Receipt, check_receipt, make_receipt, parse_receipt
from freehold.ledger.web import receipt_routes
from freehold.types.names import RecordId
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]
KeyOf = Callable[[FileReader], Verifier]
IdOf = Callable[[int], RecordId]


@pytest.fixture
def proved(kept: Kept, key_of: KeyOf, id_of: IdOf) -> tuple[Receipt, Verifier]:
    reader = kept(300)
    receipt = make_receipt(reader, id_of(123))
    assert receipt is not None
    return receipt, key_of(reader)


def test_receipt_proves_the_record(proved: tuple[Receipt, Verifier], id_of: IdOf) -> None:
    checked = check_receipt(parse_receipt(proved[0].to_json()), [proved[1]])
    assert (checked.name, checked.index, checked.size) == (f"local/{id_of(123)}", 123, 300)
    assert checked.record["cost"] == {"nano_usd": 1123}


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 298, 299])
def test_receipt_of_every_corner_of_the_tree_holds(
    kept: Kept, key_of: KeyOf, id_of: IdOf, number: int
) -> None:
    reader = kept(300)
    receipt = make_receipt(reader, id_of(number))
    assert receipt is not None
    assert check_receipt(receipt, [key_of(reader)]).index == number


def test_receipt_is_smaller_than_three_kilobytes(proved: tuple[Receipt, Verifier]) -> None:
    assert len(proved[0].to_json()) < 3000


def test_receipt_written_anew_by_another_program_still_holds(proved: tuple[Receipt, Verifier]) -> None:
    fields = msgspec.json.decode(proved[0].to_json())
    pretty = msgspec.json.format(msgspec.json.encode(dict(reversed(fields.items()))), indent=4)
    assert check_receipt(parse_receipt(pretty), [proved[1]]).index == 123


def forged(receipt: Receipt, key: Verifier) -> str:
    with pytest.raises(IntegrityError) as caught:
        check_receipt(receipt, [key])
    return caught.value.code


def test_receipt_with_an_edited_record_is_forged(proved: tuple[Receipt, Verifier]) -> None:
    receipt = msgspec.structs.replace(
        proved[0], record=proved[0].record.replace('"status":200', '"status":500')
    )
    assert forged(receipt, proved[1]) == "ledger.forged-proof"


def test_receipt_for_another_place_is_forged(proved: tuple[Receipt, Verifier]) -> None:
    assert forged(msgspec.structs.replace(proved[0], index=124), proved[1]) == "ledger.forged-proof"


def test_receipt_renamed_to_another_call_is_forged(proved: tuple[Receipt, Verifier], id_of: IdOf) -> None:
    receipt = msgspec.structs.replace(proved[0], name=f"local/{id_of(7)}")
    assert forged(receipt, proved[1]) == "ledger.forged-proof"


def test_receipt_of_another_key_is_named_as_swapped(proved: tuple[Receipt, Verifier]) -> None:
    other = msgspec.structs.replace(proved[1], public_key=bytes(32))
    assert forged(proved[0], other) == "ledger.swapped-key"


def test_receipt_whose_checkpoint_was_edited_is_named(proved: tuple[Receipt, Verifier]) -> None:
    receipt = msgspec.structs.replace(
        proved[0], checkpoint=proved[0].checkpoint.replace("\n300\n", "\n301\n")
    )
    assert forged(receipt, proved[1]) == "ledger.bad-signature"


def test_receipt_without_a_key_to_trust_is_refused(proved: tuple[Receipt, Verifier]) -> None:
    with pytest.raises(IntegrityError):
        check_receipt(proved[0], [])


@pytest.mark.parametrize("steps", [[], ["AAAA"], ["!"], [base64.b64encode(bytes(32)).decode()] * 70])
def test_receipt_with_another_proof_is_forged(proved: tuple[Receipt, Verifier], steps: list[str]) -> None:
    assert forged(msgspec.structs.replace(proved[0], proof=tuple(steps)), proved[1]) == "ledger.forged-proof"


@hypothesis_settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_receipt_with_any_byte_changed_does_not_hold_or_says_the_same(
    proved: tuple[Receipt, Verifier], data: st.DataObject
) -> None:
    original = proved[0].to_json()
    changed = bytearray(original)
    at = data.draw(st.integers(0, len(original) - 1))
    changed[at] = data.draw(st.integers(0, 255))
    try:
        checked = check_receipt(parse_receipt(bytes(changed)), [proved[1]])
    except FreeholdError:
        return
    assert checked == check_receipt(proved[0], [proved[1]])


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"schema":"other"}', b"\xff", b"x" * 300_000])
def test_receipt_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        parse_receipt(data)
    assert caught.value.code == "ledger.not-a-receipt"


def test_receipt_is_checked_in_a_process_that_has_only_the_key(
    proved: tuple[Receipt, Verifier], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "receipt.json").write_bytes(proved[0].to_json())
    (folder / "key").write_text(f"{proved[1]}\n")
    done = subprocess.run(
        [sys.executable, "-m", "freehold", "ledger", "check", "receipt.json", "--key", "key"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "is record 123 of 300 in freehold/local" in done.stdout


def admin(ledger: Ledger) -> httpx.AsyncClient:
    app = Starlette(routes=receipt_routes(ledger))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin")


async def test_admin_port_answers_202_until_a_checkpoint_covers_the_record(
    start: Start, call: Call, id_of: IdOf
) -> None:
    ledger = start(checkpoint_every=Duration("1h"))
    for number in (1, 2):  # the first is signed at once, the second within the hour
        ledger.record(call(number))
        await ledger.durable(id_of(number))
    async with admin(ledger) as client:
        answer = await client.get(f"/receipts/{id_of(2)}")
    assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")


async def test_admin_port_hands_out_a_receipt_that_holds(
    start: Start, call: Call, id_of: IdOf, key_of: KeyOf, place: Path
) -> None:
    ledger = start()
    ledger.record(call(1))
    async with admin(ledger) as client:
        while (answer := await client.get(f"/receipts/local/{id_of(1)}")).status_code == 202:
            await asyncio.sleep(0)
    checked = check_receipt(parse_receipt(answer.content), [key_of(FileReader(place))])
    assert checked.name == f"local/{id_of(1)}"


@pytest.mark.parametrize("name", ["NOBODY", "other/NOBODY", "x" * 100])
async def test_admin_port_answers_404_for_what_it_never_saw(start: Start, name: str) -> None:
    async with admin(start()) as client:
        assert (await client.get(f"/receipts/{name}")).status_code == 404
