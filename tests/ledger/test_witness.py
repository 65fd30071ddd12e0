import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from freehold import wire
from freehold.clock import FakeClock
from freehold.config.values import Duration, Url
from freehold.errors import InputError, IntegrityError
from freehold.ledger import FileSigner, Ledger
from freehold.ledger.checkpoint import Checkpoint
from freehold.ledger.files import FileReader
from freehold.ledger.merkle import consistency_proof, leaf_hash, root_of
from freehold.ledger.note import Note, Signature, Verifier
from freehold.ledger.proofs import prove_consistency, submission_for
from freehold.ledger.receipt import check_receipt, make_receipt
from freehold.ledger.store import node_reader
from freehold.ledger.witness import Refusal, Submission, Witness
from freehold.types.names import RecordId
from freehold.types.records import CallRecord

Call = Callable[..., CallRecord]
Start = Callable[..., Ledger]
Kept = Callable[..., FileReader]
Until = Callable[[Callable[[], object]], Awaitable[None]]

LOG = FileSigner("log/a", Ed25519PrivateKey.from_private_bytes(b"l" * 32))
LEAVES = [leaf_hash(bytes([number])) for number in range(40)]


def witness(folder: Path, log: Verifier | None = None) -> Witness:
    signer = FileSigner("witness", Ed25519PrivateKey.from_private_bytes(b"w" * 32))
    return Witness(folder, signer, [log or Verifier.of(LOG)], FakeClock())


def tree(leaves: list[bytes], size: int, old: int = 0) -> Submission:
    """What an honest log over these leaves shows a witness that last saw `old`."""
    note = str(Checkpoint(origin=LOG.name, size=size, root=root_of(leaves[:size])).sign(LOG))
    proof = consistency_proof(old, size, lambda level, at: root_of(leaves[at << level : at + 1 << level]))
    return Submission(old=old, proof=tuple(proof), note=note)


OTHER = [*LEAVES[:3], leaf_hash(b"forked"), *LEAVES[4:]]


def test_witness_cosigns_what_extends_the_last_it_saw(tmp_path: Path) -> None:
    one = witness(tmp_path)
    for old, size in ((0, 5), (5, 5), (5, 17), (17, 40)):
        answer = one.add(tree(LEAVES, size, old))
        assert isinstance(answer, Signature)
        assert one.verifier.signed(Note.parse(tree(LEAVES, size).note).text, answer)
    assert one.alarms() == []


def test_witness_remembers_across_restarts(tmp_path: Path) -> None:
    witness(tmp_path).add(tree(LEAVES, 20))
    known = witness(tmp_path).known(LOG.name)
    assert known is not None and known.size == 20


def refused(answer: Signature | Refusal) -> str:
    assert isinstance(answer, Refusal)
    return answer.kind


def test_witness_refuses_a_rewind_and_raises_an_alarm(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add(tree(LEAVES, 20))
    assert refused(one.add(tree(LEAVES, 10))) == "rewound"
    assert [(alarm.alarm, alarm.about) for alarm in one.alarms()] == [("ledger.rewound", "log/a")]


def test_witness_refuses_another_tree_of_the_same_size(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add(tree(LEAVES, 20))
    assert refused(one.add(tree(OTHER, 20, 20))) == "forked"
    assert [alarm.alarm for alarm in one.alarms()] == ["ledger.forked"]


def test_witness_refuses_a_fork_that_grew(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add(tree(LEAVES, 20))
    assert refused(one.add(tree(OTHER, 40, 20))) == "forked"
    assert one.known(LOG.name) == Checkpoint(origin=LOG.name, size=20, root=root_of(LEAVES[:20]))


def test_witness_asks_for_a_proof_from_what_it_saw(tmp_path: Path) -> None:
    one = witness(tmp_path)
    one.add(tree(LEAVES, 20))
    answer = one.add(tree(LEAVES, 40, 10))
    assert (refused(answer), one.alarms()) == ("stale", [])


def test_witness_refuses_a_log_it_does_not_watch(tmp_path: Path) -> None:
    other = Verifier.of(FileSigner("log/b", Ed25519PrivateKey.from_private_bytes(b"b" * 32)))
    assert refused(witness(tmp_path, other).add(tree(LEAVES, 5))) == "unknown"


def test_witness_refuses_what_the_log_did_not_sign(tmp_path: Path) -> None:
    submission = tree(LEAVES, 5)
    changed = msgspec.structs.replace(submission, note=submission.note.replace("\n5\n", "\n6\n"))
    assert refused(witness(tmp_path).add(changed)) == "unsigned"


def test_submission_survives_its_own_text_form() -> None:
    submission = tree(LEAVES, 40, 17)
    assert Submission.parse(str(submission)) == submission


@pytest.mark.parametrize(
    "body", ["", "old 5", "new 5\n\nx", "old 05\n\nx", "old 5\nAAAA\n\nx", "old 5\n!\n\nx"]
)
def test_submission_that_is_malformed_is_refused(body: str) -> None:
    with pytest.raises(InputError):
        Submission.parse(body)


@pytest.fixture
async def served(tmp_path: Path, start: Start) -> AsyncIterator[tuple[Witness, str]]:
    """A witness that watches the ledger that `start` opens, and its address."""
    start().close()
    log = Verifier.of(FileSigner.load("freehold/local", tmp_path / "ledger" / "local" / "key.pem"))
    one = witness(tmp_path / "witness", log)
    server = await wire.serve(one.handle, "127.0.0.1", 0)
    yield one, f"http://127.0.0.1:{wire.port_of(server)}"
    server.close()
    await server.wait_closed()


async def post(url: str, body: bytes) -> int:
    async with await wire.request("POST", url, body=body) as response:
        await response.read()
        return response.status


async def test_witness_speaks_the_protocol(served: tuple[Witness, str], call: Call, start: Start) -> None:
    _one, url = served
    assert await post(f"{url}/add-checkpoint", b"nonsense") == 400
    assert await post(f"{url}/other", b"") == 404
    assert await post(f"{url}/add-checkpoint", str(tree(LEAVES, 5)).encode()) == 404


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}])
async def test_witness_does_not_answer_pages(served: tuple[Witness, str], headers: dict[str, str]) -> None:
    address = f"{served[1]}/add-checkpoint"
    async with await wire.request("POST", address, headers=headers, body=b"old 0\n\n") as response:
        assert response.status == 403


async def test_ledger_is_cosigned_while_it_runs(
    served: tuple[Witness, str], call: Call, start: Start, place: Path, until: Until
) -> None:
    one, url = served
    ledger = start(witnesses={str(one.verifier): Url(url)}, witness_every=Duration("10ms"))
    ledger.record(call(1))
    reader = FileReader(place)
    await until(lambda: "\n1\n" in (reader.cosigned() or ""))  # the size of the tree
    await asyncio.to_thread(ledger.close)
    note = reader.cosigned() or ""
    assert Note.parse(note).signed_by(one.verifier)
    receipt = make_receipt(reader, call(1).id)
    assert receipt is not None
    key = Verifier.of(FileSigner.load("freehold/local", place / "key.pem"))
    assert check_receipt(receipt, [key], [one.verifier]).witnessed_by == ("witness",)


async def test_ledger_that_was_rewound_raises_an_alarm_in_both(
    served: tuple[Witness, str], call: Call, start: Start, place: Path, until: Until
) -> None:
    one, url = served
    ahead = Checkpoint(origin="freehold/local", size=90, root=bytes(32))
    one.add(
        Submission(
            old=0, proof=(), note=str(ahead.sign(FileSigner.load("freehold/local", place / "key.pem")))
        )
    )
    ledger = start(witnesses={str(one.verifier): Url(url)}, witness_every=Duration("10ms"))
    ledger.record(call(1))
    await until(one.alarms)
    await until(lambda: ledger.receipt(call(1).id) and FileReader(place).size() == 2)
    await asyncio.to_thread(ledger.close)
    last = msgspec.json.decode(next(iter(FileReader(place).leaves(1, 2))))
    assert (last["alarm"], last["evidence"]["witness"]) == ("ledger.witness-refused", "witness")


async def test_witness_that_stays_away_is_an_alarm(
    served: tuple[Witness, str], call: Call, start: Start, place: Path, free_port: int, until: Until
) -> None:
    away = {str(served[0].verifier): Url(f"http://127.0.0.1:{free_port}")}
    ledger = start(witnesses=away, witness_every=Duration("5ms"))
    ledger.record(call(1))
    await until(lambda: FileReader(place).size() == 2)
    await asyncio.to_thread(ledger.close)
    assert msgspec.json.decode(next(iter(FileReader(place).leaves(1, 2))))["alarm"] == "ledger.witness-away"


def test_receipt_without_the_witness_asked_for_does_not_hold(
    kept: Kept, id_of: Callable[[int], RecordId], tmp_path: Path, key_of: Callable[..., Verifier]
) -> None:
    reader = kept(5)
    receipt = make_receipt(reader, id_of(1))
    assert receipt is not None
    with pytest.raises(IntegrityError) as caught:
        check_receipt(receipt, [key_of(reader)], [witness(tmp_path / "w").verifier])
    assert caught.value.code == "ledger.not-witnessed"


def test_witness_cosigns_a_ledger_in_a_folder(
    kept: Kept, tmp_path: Path, key_of: Callable[..., Verifier]
) -> None:
    reader = kept(300)
    one = witness(tmp_path / "w", key_of(reader))
    assert isinstance(one.add(submission_for(reader, one.known(reader.origin))), Signature)
    kept(50)
    assert isinstance(one.add(submission_for(reader, one.known(reader.origin))), Signature)


def test_consistency_of_two_checkpoints_of_a_ledger(kept: Kept) -> None:
    reader = kept(300)
    old = reader.checkpoint()
    kept(333)
    new = reader.checkpoint()
    assert old is not None and new is not None
    proof = prove_consistency(reader, old, new)
    assert (proof.old, proof.new) == (300, 633)


@pytest.mark.parametrize(
    ("old", "new", "code"), [(633, 300, "ledger.rewound"), (300, 900, "ledger.truncated")]
)
def test_consistency_that_does_not_hold_is_named(
    kept: Kept, place: Path, old: int, new: int, code: str
) -> None:
    reader = kept(633)
    signer = FileSigner.load(reader.origin, place / "key.pem")
    notes = [
        str(Checkpoint(origin=reader.origin, size=size, root=bytes(32)).sign(signer)) for size in (old, new)
    ]
    with pytest.raises(IntegrityError) as caught:
        prove_consistency(reader, *notes)
    assert caught.value.code == code


def test_consistency_with_another_tree_is_a_fork(kept: Kept, place: Path) -> None:
    reader = kept(50)
    signer = FileSigner.load(reader.origin, place / "key.pem")
    new = reader.checkpoint()
    old = str(Checkpoint(origin=reader.origin, size=20, root=bytes(32)).sign(signer))
    assert new is not None
    with pytest.raises(IntegrityError) as caught:
        prove_consistency(reader, old, new)
    assert caught.value.code == "ledger.forked"
    assert node_reader(reader)(0, 3) == leaf_hash(next(reader.leaves(3, 4)))
