from freehold.clock import CROCKFORD, ULID_LENGTH, FakeClock, ulid
from freehold.gateway.ids import id_maker


def test_ids_are_ulids_in_order_and_never_the_same() -> None:
    clock = FakeClock()
    make = id_maker(clock)
    made = []
    for _ in range(3000):
        made.append(make())
        clock.advance(0.0001)
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(len(id) == ULID_LENGTH and set(id) <= set(CROCKFORD) for id in made)


def test_more_ids_than_fit_a_millisecond_stay_apart() -> None:
    make = id_maker(FakeClock(), entropy=lambda count: (bytes(8) + b"\xff\xff") * (count // 10))
    assert len({make() for _ in range(2000)}) == 2000


def test_id_begins_with_its_time() -> None:
    clock = FakeClock()
    assert id_maker(clock)()[:10] == ulid(clock.now_ns())[:10]
