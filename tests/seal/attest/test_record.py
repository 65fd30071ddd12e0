"""Verifications in the ledger: digests of all the answer depends on, the same when replayed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from freehold.clock import ulid
from freehold.ledger import PlainRecorder
from freehold.seal.attest.fake import evidence_set
from freehold.seal.attest.fake.sets import MAKERS
from freehold.seal.attest.record import same_answer, to_record
from freehold.types.records import AttestationRecord
from tests.seal.attest.conftest import AT_S, judge_fake

NOW_NS = 1_790_000_000_000_000_000


def record(kind: str, **rules: object) -> AttestationRecord:
    result = judge_fake(evidence_set(kind, at_s=AT_S), **rules)
    return to_record(result, id=ulid(NOW_NS, bytes(10)), time_ns=NOW_NS, policy="test")


@pytest.mark.parametrize("kind", tuple(MAKERS))
def test_record_of_the_same_bytes_replays_to_the_same_answer(kind: str) -> None:
    made = evidence_set(kind, at_s=AT_S)
    entry = to_record(judge_fake(made), id=ulid(NOW_NS, bytes(10)), time_ns=NOW_NS, policy="test")
    kept = msgspec.json.decode(msgspec.json.encode(entry), type=AttestationRecord)
    assert same_answer(kept, judge_fake(made)) == ()


def test_record_of_another_time_policy_or_evidence_differs() -> None:
    made = evidence_set("snp", at_s=AT_S)
    entry = to_record(judge_fake(made), id=ulid(NOW_NS, bytes(10)), time_ns=NOW_NS, policy="test")
    assert "at_ns" in same_answer(entry, judge_fake(made, at_s=AT_S + 60))
    assert "policy_digest" in same_answer(entry, judge_fake(made, vmpl=(0, 1)))
    assert "evidence" in same_answer(entry, judge_fake(evidence_set("tdx", at_s=AT_S)))


def test_record_of_refused_evidence_has_only_the_contract_tier() -> None:
    assert record("snp").tier == "attested"
    assert record("token").tier == "vouched"
    refused = record("snp", test_roots=False)
    assert (refused.passed, refused.tier) == (False, "contract")
    assert "snp:chain" in refused.checks_failed


def test_record_goes_through_the_recorder_and_comes_back(tmp_path: Path) -> None:
    entry = record("tdx")
    recorder = PlainRecorder(tmp_path / "records.jsonl")
    recorder.record(entry)
    asyncio.run(recorder.durable(entry.id))
    recorder.close()
    line = (tmp_path / "records.jsonl").read_bytes()
    assert msgspec.json.decode(line, type=AttestationRecord) == entry
    assert entry.claims["0.tdx.level.platform"] == "UpToDate"
