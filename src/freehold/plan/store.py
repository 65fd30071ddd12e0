"""The plan in force: kept in one file under $FREEHOLD_HOME, replaced whole, recorded as kind `plan`."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from freehold.clock import Clock, ulid
from freehold.errors import InputError
from freehold.plan.result import Plan
from freehold.types.contracts import Recorder
from freehold.types.names import Digest
from freehold.types.records import PlanRecord
from freehold.units import nano_usd

FILE = "plan.json"
PLAN_BYTES_MAX = 200_000_000


def encoded(plan: Plan) -> bytes:
    return msgspec.json.format(msgspec.json.encode(plan), indent=1)


def digest_of(plan: Plan) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(encoded(plan)).hexdigest()}")


def in_force(home: Path) -> Plan | None:
    """The plan that was adopted last, or None."""
    path = home / FILE
    if not path.exists():
        return None
    return read(path)


def read(path: Path) -> Plan:
    try:
        if path.stat().st_size > PLAN_BYTES_MAX:
            raise InputError(
                f"the plan {path} is larger than {PLAN_BYTES_MAX} bytes", why="no plan is",
                fix="make it again", code="plan.bad-file",
            )  # fmt: skip
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except OSError as error:
        raise InputError(
            f"the plan {path} cannot be read", why=error.strerror or "", fix="give the path of a saved plan",
            code="plan.bad-file",
        ) from error  # fmt: skip
    except msgspec.DecodeError as error:
        raise InputError(
            f"{path} is not a plan", why=str(error), fix="make one: freehold plan make --out FILE",
            code="plan.bad-file",
        ) from error  # fmt: skip


def save(plan: Plan, path: Path) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        file.write(encoded(plan))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def adopt(plan: Plan, home: Path, recorder: Recorder, clock: Clock) -> Digest:
    """Put a plan in force, and leave evidence of it."""
    save(plan, home / FILE)
    digest, now_ns = digest_of(plan), clock.now_ns()
    recorder.record(
        PlanRecord(
            id=ulid(now_ns), time_ns=now_ns, estate=plan.estate, plan=digest, adopted=True,
            cost_nano_usd_per_hour=nano_usd(round(plan.usd_per_hour, 9)),
            bound_nano_usd_per_hour=nano_usd(round(plan.bound_usd_per_hour, 9)),
            gap_ppm=round(plan.gap * 1e6),
        )
    )  # fmt: skip
    return digest


def held(plan: Plan | None) -> dict[str, frozenset[str]]:
    """Where each workload is under a plan."""
    found: dict[str, frozenset[str]] = {}
    for one in plan.placements if plan else ():
        if not one.standby:
            found[one.workload] = found.get(one.workload, frozenset()) | {one.place}
    return found
