"""SARIF 2.1.0, for code hosts that show findings beside the code."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from freehold.estate.scan.report import Finding, Report, State

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: dict[State, tuple[str, str]] = {
    "used": ("ai-used", "A call to a model leaves from here."),
    "configured": ("ai-configured", "This setting decides where calls to a model go."),
    "permitted": ("ai-permitted", "This grants a permission to call models."),
    "declared": ("ai-declared", "This library is declared and never imported."),
    "disabled": ("ai-disabled", "This would lead to a model, and is switched off."),
}
_CREDENTIAL = ("ai-credential", "This looks like a live key.")


def sarif(report: Report, version: str) -> dict[str, Any]:
    rules = [*_RULES.values(), _CREDENTIAL]
    results = [_result(finding) for finding in report.findings]
    results += [
        _entry(_CREDENTIAL[0], "error", f"{found.kind}: {found.masked}", found.file, found.line)
        for found in report.credentials
    ]
    driver = {
        "name": "freehold scan",
        "version": version,
        "rules": [{"id": id, "shortDescription": {"text": text}} for id, text in rules],
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _result(finding: Finding) -> dict[str, Any]:
    where = f" in {', '.join(finding.regions)}" if finding.regions else ""
    model = f", model {finding.model}" if finding.model else ""
    text = f"{finding.state}: {finding.vendor} through {finding.api}{where}{model} ({finding.what})"
    return _entry(_RULES[finding.state][0], "note", text, finding.file, finding.line)


def _entry(rule: str, level: str, text: str, file: str, line: int) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": quote(file)}, "region": {"startLine": max(1, line)}}
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [{"physicalLocation": place}],
    }
