import pytest

from freehold.estate.model import Estate
from freehold.gateway.rescuable import goes_on, rescuable
from freehold.types.homes import Home, Policy, Workload
from freehold.types.names import HomeId, ModelId, WorkloadId


def home(name: str, api: str, model: str = "m", **options: str) -> Home:
    return Home(id=HomeId(name), vendor="v", operator="o", api=api, model=ModelId(model), options=options)


@pytest.mark.parametrize(
    ("one", "can"),
    [
        (home("a", "anthropic", "claude-sonnet-4-5"), True),
        (home("a", "anthropic", "claude-sonnet-4-6"), False),
        (home("a", "openai", "gpt-5"), False),
        (home("a", "bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"), True),
        (home("a", "vllm", continues="yes"), True),
        (home("a", "anthropic", "claude-sonnet-4-5", continues="no"), False),
    ],
)
def test_home_goes_on_as_the_table_or_its_option_says(one: Home, can: bool) -> None:
    assert goes_on(one) is can


def test_map_says_which_homes_rescue_a_stream_and_which_cannot() -> None:
    homes = {one.id: one for one in (home("a", "openai"), home("b", "vllm", continues="yes"))}
    chat = Workload(id=WorkloadId("chat"), homes=tuple(homes), policy=Policy(on_cut="continue"))
    said = rescuable(chat, Estate(homes=homes, workloads={chat.id: chat}))
    assert said == "a cut stream is continued by b; a cannot (on_cut = continue)"


def test_map_says_when_nothing_can_be_rescued() -> None:
    homes = {HomeId("a"): home("a", "openai")}
    chat = Workload(id=WorkloadId("chat"), homes=tuple(homes), policy=Policy(on_cut="continue"))
    assert "cannot be continued" in rescuable(chat, Estate(homes=homes, workloads={chat.id: chat}))
