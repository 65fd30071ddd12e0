"""The kinds of evidence. One frozen schema; every kind shares the head of `Record`.

The tag `kind` carries the version: `call/1`. A field may be added with a default; anything else is `call/2`.

A record holds integers only (nanoseconds, microseconds, nano-dollars), digests as `sha256:<hex>`, and no
content unless a policy switched it on. A field that is not known is None, and `unknown` says why.
Readers keep fields they do not know: the leaf in the tree is the exact stored bytes, never a re-encoding.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from freehold.types.names import Digest, HomeId, KeyId, PolicyId, RecordId, Tier, WorkloadId

Outcome = Literal["ok", "refused", "filtered", "failed", "cancelled", "client_fault", "denied"]
Known = Literal["reported", "attested", "assumed"]
JobState = Literal[
    "planned", "submitted", "running", "checkpointed", "moved", "finished", "failed", "cancelled"
]


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    pass


class HomeFacts(_Part, frozen=True, kw_only=True):
    """A home as it was planned, or as it turned out to be."""

    home: HomeId | None = None
    vendor: str | None = None
    operator: str | None = None
    region: str | None = None
    silicon: str | None = None
    api: str | None = None
    model: str | None = None


class Tokens(_Part, frozen=True, kw_only=True):
    fresh: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    output: int | None = None


class PriceUsed(_Part, frozen=True, kw_only=True):
    """The rates behind a cost, in nano-dollars per million tokens, or per hour of one chip."""

    fresh: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    chip_hour: int | None = None


class Cost(_Part, frozen=True, kw_only=True):
    nano_usd: int | None = None
    price: PriceUsed | None = None
    price_source: str | None = None
    price_as_of: str | None = None
    commitment: str | None = None  # the contract or reservation that the price is under


class Charged(_Part, frozen=True, kw_only=True):
    """What a call counted against the limits of its key.

    `by` usage: what the home reported. `bound`: the most it can have been, as that is not known in full.
    `nothing`: no home answered. `nano_usd` is there only where the key has a budget in dollars.
    """

    tokens: int
    nano_usd: int | None = None
    by: Literal["usage", "bound", "nothing"] = "usage"


class Took(_Part, frozen=True, kw_only=True):
    queue_us: int | None = None
    first_content_us: int | None = None
    total_us: int | None = None


class Content(_Part, frozen=True, kw_only=True):
    """What was said: by default its digest and length; encrypted under the tenant's key where switched on."""

    digest: Digest | None = None
    length: int | None = None
    sealed_base64: str | None = None
    sealed_in_file: bool = False  # too long for a record: in a file of the ledger, named by the digest
    key_name: str | None = None


class VerdictFacts(_Part, frozen=True, kw_only=True):
    principle: str
    monitor: str
    passed: bool | None = None
    score_ppm: int | None = None
    sampling_ppm: int | None = None
    monitor_home: HomeId | None = None
    power_low_ppm: int | None = None
    false_alarm_ppm: int | None = None
    probes_digest: Digest | None = None


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What every kind of record begins with. An absent field is null, and `unknown` says why."""

    id: RecordId
    time_ns: int
    seq: int | None = None  # the ledger sets it: the leaf's place in its writer's tree
    estate: Digest | None = None
    policy: PolicyId | None = None
    policy_digest: Digest | None = None
    workload: WorkloadId | None = None
    planned: HomeFacts | None = None
    actual: HomeFacts | None = None
    actual_known: Known | None = None
    tier: Tier | None = None
    attestation: Digest | None = None
    tokens: Tokens | None = None
    useful_flops: int | Literal["undisclosed"] | None = None
    cost: Cost | None = None
    took: Took | None = None
    outcome: Outcome | None = None
    error: str | None = None  # an error code, never a message that could carry content
    verdicts: tuple[VerdictFacts, ...] = ()
    key: KeyId | None = None
    tags: dict[str, str] = {}
    unknown: dict[str, str] = {}  # field -> why it is not known


class CallRecord(Record, frozen=True, kw_only=True, tag="call/1"):
    """One call of one caller, whatever it took to answer it."""

    dialect: str | None = None
    operation: str | None = None  # chat, text_completion, embeddings, ...
    stream: bool = False
    status: int | None = None
    attempts: int = 1
    rescued: bool = False
    joined: str | None = None  # continued, reasked, restarted
    why_home: str | None = None
    finish: str | None = None  # why the answer ended, in the neutral form's words
    vendor_id: str | None = None  # what the vendor calls its answer
    request: Content | None = None
    response: Content | None = None
    choice: dict[str, Any] | None = None  # all that the order of homes was made from, where that is kept
    trace: str | None = None  # the caller's W3C traceparent
    charged: Charged | None = None  # where the key has a limit that counts tokens or dollars
    adapted: tuple[str, ...] = ()  # what was changed in the request for its home; the caller's words left out


class AttemptRecord(Record, frozen=True, kw_only=True, tag="attempt/1"):
    """One try at one home, also the failed ones."""

    call: RecordId
    number: int
    status: int | None = None
    retry_after_ms: int | None = None
    hedge: bool = False
    begun: bool = False  # not how it ended: its content is about to be shown, under a strict policy


class JobRecord(Record, frozen=True, kw_only=True, tag="job/1"):
    job: str
    state: JobState
    engine: str | None = None
    inputs: dict[str, Digest] = {}
    outputs: dict[str, Digest] = {}
    why: str | None = None


class StepRecord(Record, frozen=True, kw_only=True, tag="step/1"):
    """One stage or step of a training run."""

    run: str
    stage: str
    step: int
    weights: Digest | None = None
    constitution: Digest | None = None
    measures_ppm: dict[str, int] = {}
    flops: dict[str, int] = {}  # policy, feedback, oversight, evaluation


class VerdictRecord(Record, frozen=True, kw_only=True, tag="verdict/1"):
    judged: str
    judged_record: RecordId | None = None
    run: str | None = None


class AttestationRecord(Record, frozen=True, kw_only=True, tag="attestation/1"):
    evidence_kind: str
    passed: bool
    evidence: Digest
    collateral: Digest | None = None
    at_ns: int | None = None
    nonce: Digest | None = None
    claims: dict[str, str] = {}
    checks_failed: tuple[str, ...] = ()
    checks_open: tuple[str, ...] = ()


class ReleaseRecord(Record, frozen=True, kw_only=True, tag="release/1"):
    """A key was let go, or withheld."""

    key_name: str
    released: bool
    to: Digest | None = None
    why: str | None = None


class BundleRecord(Record, frozen=True, kw_only=True, tag="bundle/1"):
    bundle: Digest
    direction: Literal["in", "out"]
    files: int = 0
    bytes: int = 0


class DrillRecord(Record, frozen=True, kw_only=True, tag="drill/1"):
    drill: str
    live: bool = False
    report: Digest | None = None
    unserved: int | None = None


class PlanRecord(Record, frozen=True, kw_only=True, tag="plan/1"):
    plan: Digest
    adopted: bool = False
    cost_nano_usd_per_hour: int | None = None
    bound_nano_usd_per_hour: int | None = None
    gap_ppm: int | None = None


class AlarmRecord(Record, frozen=True, kw_only=True, tag="alarm/1"):
    alarm: str
    severity: Literal["info", "warning", "critical"] = "warning"
    about: str | None = None
    evidence: dict[str, str] = {}


class AdminRecord(Record, frozen=True, kw_only=True, tag="admin/1"):
    """Who changed what."""

    actor: str
    action: str
    subject: str
    before: Digest | None = None
    after: Digest | None = None
    why: str | None = None


class CheckpointRecord(Record, frozen=True, kw_only=True, tag="checkpoint/1"):
    """Another writer's signed checkpoint, kept here so that neither tree can be rewound alone."""

    origin: str
    size: int
    note: str


AnyRecord = (
    CallRecord | AttemptRecord | JobRecord | StepRecord | VerdictRecord | AttestationRecord
    | ReleaseRecord | BundleRecord | DrillRecord | PlanRecord | AlarmRecord | AdminRecord
    | CheckpointRecord
)  # fmt: skip
RECORD_KINDS: dict[str, type[Record]] = {
    "call": CallRecord, "attempt": AttemptRecord, "job": JobRecord, "step": StepRecord,
    "verdict": VerdictRecord, "attestation": AttestationRecord, "release": ReleaseRecord,
    "bundle": BundleRecord, "drill": DrillRecord, "plan": PlanRecord, "alarm": AlarmRecord,
    "admin": AdminRecord, "checkpoint": CheckpointRecord,
}  # fmt: skip

# What a record of work that ran should say, or say why it does not.
EXPECTED: dict[str, tuple[str, ...]] = {
    "call": (
        "estate", "policy_digest", "workload", "planned", "actual", "actual_known", "tier", "tokens",
        "useful_flops", "cost", "took", "outcome", "key", "operation", "finish", "vendor_id",
    ),
    "attempt": (
        "estate", "policy_digest", "workload", "planned", "actual", "actual_known", "tier", "tokens",
        "useful_flops", "cost", "took", "outcome", "key",
    ),
    "job": ("estate", "policy_digest", "workload", "planned", "cost"),
    "step": ("workload", "actual", "tokens", "useful_flops", "cost", "took"),
}  # fmt: skip


def unexplained(entry: Record) -> list[str]:
    """Fields that are null without a reason: none, in a record that is finished."""
    kind = str(entry.__struct_config__.tag).partition("/")[0]
    return [
        name for name in EXPECTED.get(kind, ()) if getattr(entry, name) is None and name not in entry.unknown
    ]
