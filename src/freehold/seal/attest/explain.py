"""What a piece of evidence proves and what it does not, in sentences for the person who must decide."""

from __future__ import annotations

from freehold.seal.attest.result import Level, Part, Result

PROVES: dict[str, str] = {
    "snp": (
        "An AMD secure processor says that a confidential VM with this launch measurement runs on this chip "
        "and firmware, its memory encrypted against the host."
    ),
    "tdx": (
        "Intel's quoting enclave says that a trust domain with this measurement and these registers runs on "
        "this platform, its memory encrypted against the host."
    ),
    "sgx": "Intel's quoting enclave says that an enclave of this measurement and signer runs here.",
    "nitro": (
        "AWS's Nitro hypervisor says that an enclave with these PCRs runs on one of its hosts. Hardware "
        "and hypervisor are AWS's own: this proves isolation from the instance, not from AWS."
    ),
    "azure": (
        "The hardware says that Azure's paravisor runs in a confidential VM, and the paravisor's virtual TPM "
        "says what that VM booted. What the PCRs mean is the paravisor's word."
    ),
    "nvidia": "A device's own firmware says which firmware it runs, signed by a key that NVIDIA certified.",
    "nvidia-eat": "NVIDIA's service says that it verified these devices. The evidence was not seen here.",
    "token": "An operator says that it verified evidence. The evidence itself was not seen here.",
}
NEVER = (
    "It does not show that the software or the model behaves: secured is not safe.",
    "It does not exclude side channels, nor physical attacks on memory buses and power.",
    "It rests on the maker of the chip: its keys, its firmware and its word about both.",
)
MEANING: dict[str, str] = {
    "nonce": "It may be an old piece of evidence, presented again.",
    "binding": "It may be genuine evidence of another machine, passed on by the one you talk to.",
    "revocation": "A key of the chain may have been revoked.",
    "tcb": "The firmware may have known holes.",
    "tcb-committed": "The firmware may be rolled back to one with known holes.",
    "measurement": "Any software may run inside: the hardware is genuine, what it runs was not compared.",
    "collateral": "How current the platform is cannot be told.",
    "reference": "The device's firmware may have been changed.",
    "cc-mode": "The GPU may be in developer mode, in which its memory can be read.",
    "devices": "A device may be missing, or one may answer for several.",
    "leaf": "The certificate may be of other firmware or another chip.",
    "pack": "The collateral may be old or put together by anybody.",
    "audience": "The token may have been made for another service.",
    "debug": "The host may be able to read what runs inside.",
    "registers": "What was loaded after launch was not compared.",
}
"""What follows when a check was not made."""


def explain(result: Result) -> list[str]:
    """Paragraphs, one a line: what it proves, what is wrong, what is open, what it can never prove."""
    lines: list[str] = []
    for part in result.parts:
        lines += _part(part)
    for check in result.checks:
        if check.outcome != "pass":
            lines.append(f"The set: {check.why}. {MEANING.get(check.name, '')}".strip())
    lines += [f"What it can never prove: {NEVER[0]}", *NEVER[1:]]
    verdict = "This policy accepts it." if result.passed else "This policy refuses it."
    tier = f" Its tier is {result.tier!r}." if result.passed else ""
    return [*lines, verdict + tier]


def _part(part: Part) -> list[str]:
    failed = [check for check in part.checks if check.outcome == "fail"]
    unchecked = [check for check in part.checks if check.outcome == "not checked"]
    signed = all(
        check.outcome == "pass" for check in part.checks if check.name in ("format", "chain", "signature")
    )
    head = PROVES[part.kind] if signed else "Nothing: it is not what it claims to be."
    lines = [f"{part.source} ({part.kind}). {head}"]
    lines += [f"Its {level.layer} is {_level(level)}." for level in part.levels]
    lines += [f"Wrong: {check.why}." for check in failed]
    lines += [
        f"Not checked ({check.name}): {check.why}. {MEANING.get(check.name, '')}".strip()
        for check in unchecked
    ]
    lines += [f"Noted: {note}." for note in part.notes]
    return lines


def _level(level: Level) -> str:
    since = f", by a table of {level.since[:10]}" if level.since else ""
    known = f", with {len(level.advisories)} known advisories" if level.advisories else ""
    return f"{level.status}{since}{known}"
