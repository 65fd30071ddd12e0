from freehold.gateway.candidates import Candidates, candidates
from freehold.types.homes import ClassRule, Home, Policy, Substitute, Workload
from freehold.types.names import HomeId, ModelId, WorkloadId


def home(name: str, **fields: object) -> Home:
    given = {
        "vendor": "aws",
        "operator": "aws",
        "region": "us",
        "api": "openai",
        "model": ModelId("m"),
        **fields,
    }
    return Home(id=HomeId(name), **given)  # type: ignore[arg-type]


def found(policy: Policy, *homes: Home, attested: tuple[str, ...] = (), **workload: object) -> Candidates:
    known = {one.id: one for one in homes}
    own = tuple(one.id for one in homes if not one.id.startswith("sub"))
    chat = Workload(id=WorkloadId("chat"), homes=own, policy=policy, **workload)  # type: ignore[arg-type]
    return candidates(chat, known, frozenset(HomeId(name) for name in attested))


def names(result: Candidates) -> list[str]:
    return [one.home.id for one in result.allowed]


def test_empty_policy_allows_every_home() -> None:
    assert names(found(Policy(), home("a"), home("b"))) == ["a", "b"]


def test_residency_leaves_out_other_regions_and_unknown_ones() -> None:
    result = found(Policy(regions=("eu",)), home("a", region="eu"), home("b"), home("c", region=None))
    assert names(result) == ["a"]
    assert result.left_out[1].rule == "policy default: its region (unknown) is not one of eu"


def test_unknown_jurisdiction_is_outside_every_list_of_them() -> None:
    result = found(Policy(jurisdictions=("eu",)), home("a", jurisdiction="eu"), home("b"))
    assert names(result) == ["a"]
    assert "its jurisdiction (unknown) is not one of eu" in result.left_out[0].rule


def test_profile_leaves_the_region_that_it_enters_by() -> None:
    result = found(Policy(regions=("us",)), home("a"), home("b", profile="global"))
    assert names(result) == ["a"]


def test_rule_of_a_data_class_holds_for_calls_of_that_class() -> None:
    policy = Policy(classes={"personal": ClassRule(operators=("aws",))})
    homes = (home("a"), home("b", operator="lab"))
    assert names(found(policy, *homes, data_class="personal")) == ["a"]
    assert names(found(policy, *homes, data_class="public")) == ["a", "b"]


def test_operator_that_is_barred_is_left_out_whoever_sells_it() -> None:
    result = found(Policy(operators_barred=("lab",)), home("a", operator="lab"), home("b"))
    assert names(result) == ["b"]


def test_declared_attestation_counts_only_once_verified() -> None:
    policy = Policy(tier_min="attested")
    assert names(found(policy, home("a", tier="attested"))) == []
    assert names(found(policy, home("a", tier="attested"), attested=("a",))) == ["a"]


def test_data_class_that_is_not_allowed_empties_the_set_and_names_the_rule() -> None:
    result = found(Policy(data_classes=("public",)), home("a"), data_class="health")
    assert "the workload's data class health is not one of public" in result.why_none()


def test_data_class_that_is_not_said_does_not_pass() -> None:
    assert found(Policy(data_classes=("public",)), home("a")).allowed == ()


def test_fewer_homes_than_the_policy_wants_are_none() -> None:
    result = found(Policy(homes_min=2, regions=("us",)), home("a"), home("b", region="eu"))
    assert result.allowed == ()
    assert "homes_min is 2, and 1 may be used" in result.why_none()


def test_homes_that_do_not_differ_as_wanted_are_none() -> None:
    result = found(Policy(homes_min=2, distinct=("vendor",)), home("a"), home("b"))
    assert "distinct vendor" in result.why_none()
    assert names(found(Policy(homes_min=2, distinct=("vendor",)), home("a"), home("b", vendor="google"))) == [
        "a",
        "b",
    ]


def test_substitute_is_used_only_where_the_policy_allows_substitution() -> None:
    other = home("sub", model=ModelId("other"))
    stand_in = (Substitute(home=HomeId("sub"), quality=0.8),)
    assert names(found(Policy(), home("a"), other, substitutes=stand_in)) == ["a"]
    allowed = found(Policy(substitution=True), home("a"), other, substitutes=stand_in).allowed
    assert [(one.home.id, one.substitute, one.quality) for one in allowed] == [
        ("a", False, None),
        ("sub", True, 0.8),
    ]


def test_every_homes_own_rule_is_said_when_none_is_left() -> None:
    result = found(Policy(vendors=("google",)), home("a"), home("b"))
    assert result.why_none().count("its vendor aws is not one of google") == 2
