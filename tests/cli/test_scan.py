"""What the command prints and writes: a draft that `check` accepts and `map` answers from, SARIF, JSON,
errors.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from freehold.cli.main import cli
from tests.estate.scan.labels import HELD_OUT, lay_out, projects

# The objects of SARIF 2.1.0 that we write, with the standard's own property names, as OASIS publishes them.
_TEXT = {
    "type": "object",
    "required": ["text"],
    "additionalProperties": False,
    "properties": {"text": {"type": "string"}, "markdown": {"type": "string"}},
}
_LOCATION = {
    "type": "object",
    "additionalProperties": False,
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["uri"],
                    "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                },
                "region": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"startLine": {"type": "integer", "minimum": 1}},
                },
            },
        }
    },
}
SARIF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name"],
                                "properties": {
                                    "name": {"type": "string"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "additionalProperties": False,
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": _TEXT,
                                            },
                                        },
                                    },
                                },
                            },
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["message"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "message": _TEXT,
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "locations": {"type": "array", "items": _LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


@pytest.fixture
def laid(tmp_path: Path) -> Path:
    root = tmp_path / "code"
    lay_out(next(path for path in projects() if path.stem == "bedrock-lambda"), root)
    return root


@pytest.mark.parametrize("source", [*projects(), *projects(HELD_OUT)], ids=lambda path: path.stem)
def test_draft_passes_check_and_map_answers_from_it(source: Path, tmp_path: Path) -> None:
    lay_out(source, tmp_path / "code")
    draft = str(tmp_path / "freehold.toml")
    assert run("scan", str(tmp_path / "code"), "--write", draft).exit_code == 0
    assert run("check", "-c", draft).exit_code == 0, run("check", "-c", draft).output
    assert run("map", "-c", draft).exit_code == 0


def test_draft_says_unknown_where_the_code_does_not_tell(laid: Path, tmp_path: Path) -> None:
    draft = tmp_path / "freehold.toml"
    run("scan", str(laid), "--write", str(draft))
    text = draft.read_text()
    assert 'vendor = "unknown"' in text
    assert "# functions/summarise/session.py:7" in text
    assert "silicon unknown" in run("map", "-c", str(draft)).output


def test_draft_leaves_a_set_of_regions_open_that_the_catalog_does_not_have(tmp_path: Path) -> None:
    text = 'resource "azurerm_cognitive_deployment" "c" {\n  sku {\n    name = "DataZoneStandard"\n  }\n}\n'
    (tmp_path / "main.tf").write_text(text)
    draft = tmp_path / "freehold.toml"
    assert run("scan", str(tmp_path), "--write", str(draft)).exit_code == 0
    assert '# it answers from the set "datazone"' in draft.read_text()
    assert run("check", "-c", str(draft)).exit_code == 0


def test_draft_never_replaces_a_file_unasked(laid: Path, tmp_path: Path) -> None:
    mine = tmp_path / "freehold.toml"
    mine.write_text("mine")
    assert run("scan", str(laid), "--write", str(mine)).exception is not None
    assert mine.read_text() == "mine"
    assert run("scan", str(laid), "--write", str(mine), "--force").exit_code == 0


def test_sarif_has_the_standards_shape(laid: Path) -> None:
    body = json.loads(run("scan", str(laid), "--sarif", "-").output)
    jsonschema.Draft202012Validator(SARIF).validate(body)
    results = body["runs"][0]["results"]
    assert {result["ruleId"] for result in results} >= {"ai-used", "ai-configured", "ai-permitted"}


def test_json_holds_findings_and_what_they_add_up_to(laid: Path) -> None:
    body: dict[str, Any] = json.loads(run("scan", str(laid), "--json").output)
    assert body["schema"] == "freehold.scan/1"
    data = body["data"]
    assert len(data["findings"]) == sum(len(one["sites"]) for one in data["dependencies"])
    assert data["unresolved"]


def test_many_sites_of_one_dependency_are_one(laid: Path) -> None:
    body = json.loads(run("scan", str(laid), "--json").output)
    bedrock = [
        one for one in body["data"]["dependencies"] if (one["vendor"], one["api"]) == ("aws", "bedrock")
    ]
    assert len(bedrock) == 1
    assert {"us-east-1", "us-west-2", "eu-west-3"} <= set(bedrock[0]["regions"])


def test_empty_folder_says_that_nothing_was_found(tmp_path: Path) -> None:
    done = run("scan", str(tmp_path))
    assert done.exit_code == 0
    assert "No AI dependency found" in done.output


def test_credentials_fail_the_run_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("A=sk-ant-api03-" + "A" * 40)
    words = ["scan", str(tmp_path)]
    outcomes = [
        CliRunner().invoke(cli, [*words, *more], standalone_mode=False)
        for more in ([], ["--fail-on-credentials"])
    ]
    assert [done.return_value for done in outcomes] == [0, 1]
    assert all("AAAA" not in done.output for done in outcomes)
