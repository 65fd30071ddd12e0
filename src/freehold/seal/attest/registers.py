"""Runtime registers and named bits against the policy, for every kind of evidence that has them."""

from __future__ import annotations

from freehold.seal.attest.context import Context
from freehold.seal.attest.result import Checks


def check_registers(checks: Checks, found: dict[str, str], context: Context) -> None:
    """Each register the policy names must hold one of the values it lists. Others are shown, not judged."""
    wanted = {name: values for name, values in context.policy.registers.items() if name in found}
    wrong = [
        name for name, values in wanted.items() if found[name] not in {value.lower() for value in values}
    ]
    if wrong:
        checks.bad(
            "registers", "; ".join(f"{name} is {found[name]}, not on the policy's list" for name in wrong)
        )
    elif wanted:
        checks.ok("registers", f"{', '.join(wanted)} hold values of the policy")


def check_bits(checks: Checks, value: int, known: dict[int, str], noun: str, context: Context) -> None:
    """Bits without a name: genuine new firmware sets them, so they are reported, and refused on demand."""
    strange = [bit for bit in range(64) if value >> bit & 1 and bit not in known]
    if not strange:
        return
    text = f"{noun}: bit {', '.join(map(str, strange))} set, meaning not known"
    checks.notes.append(text)
    if context.policy.unknown_bits == "refuse":
        checks.bad("platform", text)


def check_named_bits(checks: Checks, kind: str, found: set[str], context: Context) -> None:
    """Settings the policy demands or bars, written "kind.name", such as snp.alias-check."""
    demands = {
        name.removeprefix(f"{kind}.")
        for name in context.policy.platform_demands
        if name.startswith(f"{kind}.")
    }
    bars = {
        name.removeprefix(f"{kind}.") for name in context.policy.platform_bars if name.startswith(f"{kind}.")
    }
    missing, present = sorted(demands - found), sorted(bars & found)
    if missing or present:
        said = [f"{name} is not set" for name in missing] + [f"{name} is set" for name in present]
        checks.bad("platform", "; ".join(said))
    elif demands or bars:
        checks.ok(
            "platform",
            "; ".join(
                [f"{name} is set" for name in sorted(demands)]
                + [f"{name} is not set" for name in sorted(bars)]
            ),
        )
