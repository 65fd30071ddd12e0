"""Freehold's own choosing, waiting and learning on the simulated homes: the product's code, virtual time."""

from __future__ import annotations

import random
from typing import Any, cast

import msgspec

from bench.capacity_sim import DEADLINE_S, Asked, Home, Loop, World, head_of
from freehold.clock import FakeClock
from freehold.dialects import Outcome
from freehold.gateway.affinity import salt_of
from freehold.gateway.amounts import Amount
from freehold.gateway.choosing import NO_ORDER, Chooser, Ordered
from freehold.gateway.failover import Give, Go, Place, Rules, Tried, next_step
from freehold.gateway.headroom import Headroom
from freehold.gateway.health import Health
from freehold.gateway.order import OrderRules
from freehold.gateway.queueing import QueueRules
from freehold.gateway.traffic import Ticket, Traffic
from freehold.types.conversation import Usage
from freehold.types.homes import Home as EstateHome
from freehold.types.homes import Workload
from freehold.types.names import HomeId, PoolId, WorkloadId

TICK_S = 0.1


class Route:
    """What the gateway knows of a simulated home: which pool it shares, and nothing of its limits."""

    def __init__(self, home: Home, traffic: Traffic) -> None:
        self.home = EstateHome(
            id=HomeId(home.name), vendor="v", operator="o", pool=PoolId(home.pool), api=home.api
        )
        self.id, self.sim_home = self.home.id, home
        self.headroom: Headroom = traffic.capacity.pool_of(self.home, 0.0)
        self.health = Health(random.Random(1))
        self.nano_usd: int | None = None
        self.nano_usd_held: int | None = None
        self.substitute = False
        self.quality: float | None = None
        self.salt, self.bit = salt_of(home.name), traffic.capacity.memory.bit(home.name)
        self.tells_use = home.api.startswith("azure")
        self.place = Place(home=self.id)


class Plan:
    def __init__(self, chooser: Chooser[Route]) -> None:
        self.chooser, self.routes = chooser, chooser.routes
        self.workload = Workload(id=WorkloadId("chat"))
        self.ordered = chooser.ordered


class Freehold:
    """One gateway process."""

    def __init__(self, world: World, rules: OrderRules, queue: QueueRules) -> None:
        self.world = world
        sim = world.sim
        self.traffic = Traffic(cast(Any, Loop(sim)), FakeClock(), lambda: sim.now, sim.random)
        self.traffic.take_rules(queue)
        routes = [Route(home, self.traffic) for home in world.homes]
        self.plan = Plan(Chooser(routes, rules, self.traffic.capacity))
        self.rules = Rules()
        self._idle = True
        self.open_calls = 0

    def arrive(self, asked: Asked) -> None:
        if self._idle:
            self._idle = False
            self._tick()
        self.open_calls += 1
        Call(self, asked).start()

    def _tick(self) -> None:
        """As the plane's flush does; it stops with the last call, so that the simulation ends."""
        self.traffic.tick()
        if self.open_calls:
            self.world.sim.after(TICK_S, self._tick)
        else:
            self._idle = True


class Call:
    """The same steps as the gateway's attempts, over simulated homes."""

    def __init__(self, gateway: Freehold, asked: Asked) -> None:
        self.gateway, self._asked, self.plan = gateway, asked, gateway.plan
        self.asked = asked
        self.total_by = asked.arrival.at + DEADLINE_S
        self.choices: Ordered[Route] = NO_ORDER
        self.tried: tuple[Tried, ...] = ()

    def start(self) -> None:
        sim = self.gateway.world.sim
        self.choices = self.plan.ordered(sim.now, sim.random.random, self.asked.body)
        if self.choices.wait_seconds:
            if not self.gateway.traffic.hold(cast(Any, self), self.choices.wait_seconds):
                self._over()
        else:
            self._try(self.choices.routes[0])

    def _over(self) -> None:
        self.asked.gave_up = self.asked.served_at is None
        self.gateway.open_calls -= 1

    def _try(self, route: Route) -> None:
        sim, headroom = self.gateway.world.sim, route.headroom
        amount = headroom.amount(len(self.asked.body))
        headroom.send(amount)
        sent_at = sim.now

        def admitted(asked: Asked, fits: bool, headers: dict[str, str]) -> None:
            self.gateway.traffic.heard(cast(Any, route), head_of(headers))
            if fits:
                route.health.succeeded(sim.now)
            else:
                self._throttled(route, headers, sent_at, amount)

        def ended() -> None:
            arrival = self.asked.arrival
            usage = Usage(fresh=arrival.input, output=arrival.output)
            self.gateway.traffic.ended(cast(Any, route), amount, usage, len(self.asked.body))
            self._over()

        self.gateway.world.ask(route.sim_home, self.asked, admitted, ended)

    def _throttled(self, route: Route, headers: dict[str, str], sent_at: float, amount: Amount) -> None:
        told = headers.get("retry-after-ms")
        outcome = Outcome(
            action="next_home", kind="rate_limited", status=429,
            retry_after_ms=None if told is None else int(told),
        )  # fmt: skip
        traffic, sim = self.gateway.traffic, self.gateway.world.sim
        outcome = traffic.failed(cast(Any, route), outcome, sent_at, amount)
        traffic.ended(cast(Any, route), amount, None, 0)
        self.tried = (*self.tried, Tried(home=route.id, outcome=outcome))
        left_ms = (self.total_by - sim.now) * 1000
        places = self._places()
        step = next_step(places, self.tried, self.gateway.rules, left_ms, "chat")
        if isinstance(step, Give):
            self._over()
        else:
            self._go(step, all_full=all(place.wait_ms for place in places))

    def _places(self) -> tuple[Place, ...]:
        now, size = self.gateway.world.sim.now, len(self.asked.body)
        found = []
        for route in self.choices.routes:
            wait = route.headroom.wait(route.headroom.amount(size), now)
            found.append(route.place if wait <= 0 else route.place.full(int(wait * 1000) + 1))
        return tuple(found)

    def _go(self, step: Go, *, all_full: bool) -> None:
        route = next(route for route in self.choices.routes if route.id == step.home)
        if (
            step.for_room
            and all_full
            and self.gateway.traffic.hold(cast(Any, self), step.after_ms / 1000, ahead=True)
        ):
            return
        if step.after_ms:
            self.gateway.world.sim.after(step.after_ms / 1000, lambda: self._try(route))
        else:
            self._try(route)

    # --- as the queue sees it ---

    def wait_for_room(self, ticket: Ticket) -> None:
        """Nobody hangs up here."""

    def let_go(self, choices: Ordered[Route], waited_seconds: float) -> None:
        self.choices = choices
        self._try(choices.routes[0])

    def no_room(self, wait_seconds: float, waited_seconds: float) -> None:
        self._over()


class Named(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    rules: OrderRules = OrderRules()
    queue: QueueRules = QueueRules()


OURS = (
    Named(name="Freehold, nothing configured"),
    Named(name="Freehold, calls spread", rules=OrderRules(spread=True)),
    Named(name="Freehold, nobody waits", queue=QueueRules(calls_max=0)),
)
