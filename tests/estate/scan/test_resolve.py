"""Regions are sets, hardly ever at the call: profiles, deployment types, wildcards, names followed far."""

from __future__ import annotations

from pathlib import Path

from freehold.estate.scan import Finding, Report, scan


def scanned(root: Path, **files: str) -> Report:
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text)
    return scan(root, processes=1)


def at(report: Report, file: str, line: int) -> Finding:
    (found,) = [one for one in report.findings if (one.file, one.line) == (file, line)]
    return found


def test_region_of_a_named_profile_is_found_in_the_config_beside_it(tmp_path: Path) -> None:
    code = 'import boto3\ns = boto3.Session(profile_name="ml")\nc = s.client("bedrock-runtime")\n'
    report = scanned(tmp_path, app__py=code, aws__config="[profile ml]\nregion = eu-south-2\n")
    assert at(report, "app.py", 3).regions == ("eu-south-2",)
    assert at(report, "aws.config", 2).vendor == "aws"


def test_profile_chosen_by_the_environment_is_followed(tmp_path: Path) -> None:
    code = 'import boto3\nc = boto3.client("bedrock-runtime")\n'
    told = {
        "app__py": code,
        "dev__env": "AWS_PROFILE=ml\n",
        "aws__config": "[profile ml]\nregion=us-west-2\n",
    }
    assert at(scanned(tmp_path, **told), "app.py", 2).regions == ("us-west-2",)


def test_client_without_a_region_is_said_to_be_unresolved(tmp_path: Path) -> None:
    report = scanned(tmp_path, app__py='import boto3\nc = boto3.client("bedrock-runtime")\n')
    (one,) = report.unresolved
    assert (one.file, one.line) == ("app.py", 2)
    assert "region is not said" in one.why


def test_deployment_type_of_azure_says_the_set_it_answers_from(tmp_path: Path) -> None:
    text = 'resource "azurerm_cognitive_deployment" "c" {\n  sku {\n    name = "DataZoneStandard"\n  }\n}\n'
    assert at(scanned(tmp_path, main__tf=text), "main.tf", 3).regions == ("datazone",)


def test_wildcard_of_a_permission_is_kept(tmp_path: Path) -> None:
    text = (
        '{"Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel",\n'
        '"Resource": "arn:aws:bedrock:eu-*::foundation-model/*"}]}\n'
    )
    found = at(scanned(tmp_path, policy__json=text), "policy.json", 2)
    assert (found.state, found.regions) == ("permitted", ("eu-*",))


def test_subclass_in_javascript_goes_where_it_sends_its_client(tmp_path: Path) -> None:
    code = (
        "import OpenAI from 'openai';\nclass Own extends OpenAI {\n  constructor() {\n"
        "    super({ baseURL: 'https://api.groq.com/openai/v1' });\n  }\n}\nconst own = new Own();\n"
    )
    report = scanned(tmp_path, app__ts=code)
    assert [(one.line, one.vendor) for one in report.findings] == [(4, "groq"), (7, "groq")]


def test_option_of_the_command_line_is_followed_to_its_default(tmp_path: Path) -> None:
    code = (
        "import argparse, litellm\nparser = argparse.ArgumentParser()\n"
        'parser.add_argument("-j", "--judge-model", default="groq/llama-3.1-8b-instant")\n'
        "args = parser.parse_args()\nlitellm.completion(model=args.judge_model, messages=[])\n"
    )
    report = scanned(tmp_path, app__py=code)
    assert [(one.line, one.vendor) for one in report.findings] == [(3, "groq"), (5, "groq")]


def test_rows_that_a_migration_inserts_are_read(tmp_path: Path) -> None:
    text = "INSERT INTO bot (id, provider, model) VALUES\n  (1, 'anthropic', 'claude-3-5-haiku-latest');\n"
    assert at(scanned(tmp_path, seed__sql=text), "seed.sql", 2).vendor == "anthropic"


def test_settings_field_takes_its_name_from_the_prefix(tmp_path: Path) -> None:
    code = (
        "from pydantic_settings import BaseSettings, SettingsConfigDict\nfrom openai import OpenAI\n\n\n"
        'class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix="APP_")\n'
        '    llm_url: str = ""\n\n\nsettings = Settings()\nclient = OpenAI(base_url=settings.llm_url)\n'
    )
    report = scanned(tmp_path, app__py=code, prod__env="APP_LLM_URL=https://api.mistral.ai/v1\n")
    assert at(report, "app.py", 11).vendor == "mistral"
    assert at(report, "prod.env", 1).vendor == "mistral"
