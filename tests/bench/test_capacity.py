"""The simulations of bench/ in small: the same rules, fewer calls, no traces needed."""

from bench.affinity import WAYS as AFFINITY
from bench.affinity import Call, told
from bench.capacity import hidden, provisioned, shared_quota
from bench.capacity_freehold import Freehold
from bench.capacity_peers import peers
from bench.capacity_sim import Arrival, Home, Outcome, Vendor, made_up, play
from freehold.gateway.order import OrderRules
from freehold.gateway.queueing import QueueRules

ARRIVALS = made_up(1500, seed=3, per_second=7.0)
PEERS = peers(limits=False)


def freehold(homes: list[Home]) -> Outcome:
    return play(ARRIVALS, homes, lambda world: Freehold(world, OrderRules(), QueueRules()).arrive, seed=1)


def test_told_limits_that_two_homes_share_are_hardly_ever_hit() -> None:
    ours = freehold(shared_quota(0.9))
    theirs = play(ARRIVALS, shared_quota(0.9), PEERS["LiteLLM simple-shuffle"], seed=1)
    assert ours.throttles * 10 < theirs.throttles
    assert ours.served >= 0.99 * theirs.served


def test_bursts_on_provisioned_capacity_are_throttled_a_tenth_as_often() -> None:
    ours = freehold(provisioned())
    theirs = play(ARRIVALS, provisioned(), PEERS["Portkey fallback on 429"], seed=1)
    assert ours.throttles * 10 < theirs.throttles
    assert ours.served >= 0.97 * theirs.served


def test_hidden_limits_are_learned() -> None:
    ours = freehold(hidden(5.0))
    theirs = play(ARRIVALS, hidden(5.0), PEERS["LiteLLM least-busy"], seed=1)
    assert ours.throttles * 3 < theirs.throttles
    assert ours.served >= 0.97 * theirs.served


def test_vendor_lets_through_what_its_bucket_holds_and_no_more() -> None:
    vendor = Vendor(requests_per_min=60, burst_s=10)
    call = Arrival(at=0.0, input=1, output=1)
    assert [vendor.admit(call, 0.0)[0] for _ in range(12)] == [True] * 10 + [False] * 2
    assert vendor.admit(call, 1.0)[0]


def test_conversations_find_the_home_that_has_their_beginning() -> None:
    calls, block = [], 1
    for turn in range(6):
        for conversation in range(60):
            own = tuple(range(1000 * (conversation + 1), 1000 * (conversation + 1) + 2 * turn + 2))
            at = (turn * 60 + conversation) * 1000
            calls.append(Call(at, 512 * len(own), 50, (block, *own)))
    found = {who: told(who, "unlimited", calls, AFFINITY[who]) for who in ("Freehold", "round robin")}
    assert found["Freehold"].hits_of_possible > 0.85
    assert found["Freehold"].hits > 2 * found["round robin"].hits
