from freehold.gateway.amounts import Amount
from freehold.gateway.capacity import Capacity, name_of
from freehold.types.homes import Home, Pool
from freehold.types.names import HomeId, PoolId

QUOTA = Pool(id=PoolId("quota"), requests_per_min=60)


def home(name: str, pool: str | None = None) -> Home:
    return Home(id=HomeId(name), vendor="v", operator="o", pool=None if pool is None else PoolId(pool))


def test_homes_of_one_pool_share_its_headroom_and_others_do_not() -> None:
    capacity = Capacity()
    a, b, c = (capacity.pool_of(one, 0.0) for one in (home("a", "p"), home("b", "p"), home("c")))
    assert a is b and c is not a


def test_home_is_not_taken_for_a_pool_of_its_name() -> None:
    assert name_of(home("same")) != name_of(home("other", "same"))


def test_configured_limit_is_divided_among_processes() -> None:
    capacity = Capacity()
    headroom = capacity.pool_of(home("a", "quota"), 0.0)
    capacity.settle({"pool:quota": QUOTA}, 4, 0.0)
    assert headroom.buckets["requests"].depth == 15


def test_new_settings_keep_what_is_known_and_drop_what_is_gone() -> None:
    capacity = Capacity()
    headroom = capacity.pool_of(home("a", "quota"), 0.0)
    capacity.pool_of(home("gone"), 0.0)
    capacity.settle({"pool:quota": QUOTA}, 1, 0.0)
    headroom.send(Amount(1, 1))
    capacity.settle({"pool:quota": QUOTA}, 1, 0.0)
    assert set(capacity.pools) == {"pool:quota"}
    assert capacity.pools["pool:quota"].buckets["requests"].left(0.0) == 59


def test_gateways_share_what_they_know_of_pools() -> None:
    here, there = Capacity(), Capacity()
    for one in (here, there):
        one.pool_of(home("a", "quota"), 0.0)
        one.settle({"pool:quota": QUOTA}, 1, 0.0)
    here.absorb("there", there.snapshot(0.0), 0.0)
    for _ in range(60):
        there.pools["pool:quota"].send(Amount(1, 1))
    before = here.epoch.number
    here.absorb("there", there.snapshot(0.0), 0.0)
    assert here.pools["pool:quota"].wait(Amount(1, 1), 0.0) > 0
    assert here.epoch.number > before
