from freehold.gateway.amounts import FULL, NEAR, ROOM, Amount, Engine
from freehold.gateway.headroom import Epoch, Headroom
from freehold.gateway.ratelimits import Limit, Told

SMALL = Amount(10, 10)


def limited(requests_per_min: float | None = 60, tokens_per_min: float | None = None) -> Headroom:
    return Headroom("p", 0.0, requests_per_min=requests_per_min, tokens_per_min=tokens_per_min)


def send(pool: Headroom, calls: int, amount: Amount = SMALL) -> None:
    for _ in range(calls):
        pool.send(amount)


def told(**limits: Limit) -> Told:
    return Told(limits=limits)  # type: ignore[arg-type]  # the kinds are the keywords


def test_pool_of_which_nothing_is_known_is_open() -> None:
    pool = Headroom("p", 0.0)
    send(pool, 1000)
    assert pool.open and pool.room(0.0) is None and pool.wait(SMALL, 0.0) == 0
    assert pool.snapshot(0.0).known_by == "nothing"


def test_configured_calls_a_minute_run_out_and_come_back() -> None:
    pool = limited(requests_per_min=60)
    send(pool, 60)
    assert pool.room(0.0) == 0.0
    assert pool.wait(SMALL, 0.0) == 1.0
    assert pool.wait(SMALL, 1.0) == 0.0


def test_configured_tokens_are_counted_before_they_are_known_and_corrected_after() -> None:
    pool = limited(requests_per_min=None, tokens_per_min=600)
    send(pool, 1, Amount(100, 400))
    assert pool.room(0.0) == 100 / 600
    pool.ended(Amount(100, 400), 50, 50, 400)
    assert pool.room(0.0) == 500 / 600


def test_told_limit_holds_where_it_is_less_than_the_configured_one() -> None:
    pool = limited(requests_per_min=600)
    pool.tell(told(requests=Limit(limit=60, remaining=30)), 0.0)
    assert pool.room(0.0) == 0.5
    pool.tell(told(requests=Limit(limit=6000, remaining=6000)), 0.0)
    assert pool.buckets["requests"].depth == 600


def test_told_remaining_shows_what_others_use() -> None:
    pool = Headroom("p", 0.0)
    pool.tell(told(requests=Limit(limit=100, remaining=0, reset_seconds=60)), 0.0)
    assert pool.wait(SMALL, 0.0) == 0.6
    assert not pool.open


def test_calls_the_vendor_has_not_counted_are_taken_off_what_it_tells() -> None:
    pool = Headroom("p", 0.0)
    send(pool, 5)
    pool.tell(told(requests=Limit(limit=100, remaining=50)), 0.0)
    assert pool.room(0.0) == 0.45


def test_input_and_output_are_limits_of_their_own() -> None:
    pool = Headroom("p", 0.0)
    pool.tell(told(input=Limit(limit=60_000, remaining=60_000), output=Limit(limit=6000, remaining=100)), 0.0)
    assert pool.wait(Amount(50_000, 100), 0.0) == 0.0
    assert pool.wait(Amount(10, 1100), 0.0) == 10.0


def test_throttle_closes_the_pool_for_as_long_as_it_was_told() -> None:
    pool = Headroom("p", 0.0)
    send(pool, 1)
    assert pool.throttle(SMALL, 3.0, 0.0, 1.0) >= 3.0
    assert pool.wait(SMALL, 3.9) > 0
    assert pool.room(2.0) == 0.0


def test_throttle_without_a_time_waits_longer_each_time() -> None:
    pool, now, waits = Headroom("p", 0.0), 0.0, []
    for _ in range(4):
        send(pool, 1)
        pool.throttle(SMALL, None, now, now)
        waits.append(pool.closed_until - now)
        now = pool.closed_until + 0.01
    assert waits == sorted(waits) and waits[-1] > 2 * waits[0]


def test_short_times_that_are_told_again_and_again_are_not_believed() -> None:
    pool, now, waits = Headroom("p", 0.0), 0.0, []
    for _ in range(4):
        send(pool, 1)
        pool.throttle(SMALL, 0.05, now, now)
        waits.append(pool.closed_until - now)
        now = pool.closed_until + 0.01
    assert waits[0] < 0.06 and waits[-1] > 1.0


def test_calls_already_under_way_tell_no_news() -> None:
    pool = Headroom("p", 0.0)
    send(pool, 20)
    first = pool.throttle(SMALL, None, 0.0, 1.0)
    for _ in range(19):
        assert pool.throttle(SMALL, None, 0.5, 1.0) <= first
    assert pool.throttled_count == 20


def test_hidden_limit_is_learned_from_throttles_and_grows_again() -> None:
    pool = hidden_limit_met()
    rate = pool.snapshot(60.0).requests_per_min
    assert rate is not None and 60 < rate < 2000
    for tenth in range(600, 1500):
        pool.wait(SMALL, tenth / 10)
        pool.tick(tenth / 10)
    later = pool.snapshot(150.0).requests_per_min
    assert later is not None and later > rate


def hidden_limit_met() -> Headroom:
    """A minute of ten calls a second, and then a throttle."""
    pool = Headroom("p", 0.0)
    for tenth in range(600):
        pool.send(SMALL)
        pool.tick(tenth / 10)
    pool.throttle(SMALL, None, 59.9, 60.0)
    return pool


def test_learned_limit_is_forgotten_when_nothing_was_throttled_for_long() -> None:
    pool = hidden_limit_met()
    pool.tick(60.0 + 901)
    pool.tick(60.0 + 902)
    assert pool.open


def test_throttle_that_a_known_limit_saw_coming_teaches_nothing_hidden() -> None:
    pool = limited(requests_per_min=60)
    send(pool, 60)
    pool.throttle(SMALL, 1.0, 0.0, 0.0)
    assert pool.learned is None


def test_provisioned_deployment_that_is_nearly_full_is_tight() -> None:
    pool = Headroom("p", 0.0)
    pool.tell(Told(utilisation=0.97), 0.0)
    assert pool.grade_of(SMALL, 1.0) == NEAR
    assert pool.grade_of(SMALL, 30.0) == ROOM  # that was long ago


def test_engine_with_a_queue_is_tight_and_old_metrics_are_not_believed() -> None:
    pool = Headroom("p", 0.0)
    pool.scraped(Engine(running=8, waiting=3, waiting_before=1, kv_used=0.5), 0.0)
    assert pool.grade_of(SMALL, 1.0) == NEAR
    assert pool.room(1.0) == 0.0
    assert pool.room(60.0) is None


def test_grade_that_changes_moves_the_epoch() -> None:
    epoch = Epoch()
    pool = Headroom("p", 0.0, requests_per_min=60, epoch=epoch)
    pool.tick(0.1)
    before = epoch.number
    pool.tick(0.2)
    assert epoch.number == before
    send(pool, 60)
    pool.tick(0.3)
    assert epoch.number > before and pool.grade == FULL


def test_calls_that_certainly_fit_are_counted_down() -> None:
    pool = limited(requests_per_min=100)
    spare = pool.spare
    assert 0 < spare < 100
    send(pool, spare)
    assert pool.spare == 0 and pool.fits(100, 0.0)
    send(pool, 100 - spare)
    assert not pool.fits(100, 0.0)


def test_throttled_call_is_not_given_back_where_the_vendor_said_what_is_left() -> None:
    pool = Headroom("p", 0.0)
    send(pool, 1)
    pool.starting = 0
    pool.tell(told(requests=Limit(limit=60, remaining=0, reset_seconds=60)), 0.0)
    pool.throttle(SMALL, 0.01, 0.0, 0.0)
    assert pool.wait(SMALL, 0.5) > 0


def test_what_was_told_long_ago_is_forgotten() -> None:
    pool = Headroom("p", 0.0)
    pool.tell(Told(utilisation=0.5), 0.0)
    pool.scraped(Engine(running=1), 0.0)
    pool.tick(60.0)
    assert pool.open and pool.room(60.0) is None


def test_estimates_follow_what_calls_really_used() -> None:
    pool = Headroom("p", 0.0)
    for _ in range(200):
        pool.send(SMALL)
        pool.ended(SMALL, 1000, 50, 2000)
    assert 0.45 < pool.amount(2000).input / 2000 < 0.55
    assert 40 < pool.usual().output < 60


def test_nothing_is_left_in_flight_when_every_call_has_ended() -> None:
    pool = Headroom("p", 0.0)
    amounts = [pool.amount(size) for size in range(0, 5000, 500)]
    for amount in amounts:
        pool.send(amount)
    for amount in amounts:
        pool.ended(amount, None, None, 0)
    assert (pool.in_flight, pool.tokens_in_flight, pool.starting) == (0, 0, 0)


def test_what_another_process_sent_is_gone_here_too() -> None:
    here, there = limited(requests_per_min=60), limited(requests_per_min=60)
    here.absorb("there", there.snapshot(0.0), 0.0)
    send(there, 30)
    here.absorb("there", there.snapshot(0.0), 0.0)
    assert here.room(0.0) == 0.5


def test_what_is_closed_elsewhere_is_closed_here() -> None:
    here, there = Headroom("p", 0.0), Headroom("p", 0.0)
    there.throttle(SMALL, 5.0, 0.0, 0.0)
    here.absorb("there", there.snapshot(0.0), 100.0)
    assert 4.9 < here.wait(SMALL, 100.0) <= 5.0
