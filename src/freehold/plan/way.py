"""Ways: every manner in which one unit of a workload could run at one place, with what it costs; or why
not."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from freehold.plan.perf.chip import Chip
from freehold.plan.perf.constants import Constants
from freehold.plan.perf.memory import CHIP_COUNTS
from freehold.plan.perf.predict import Prediction, Work, predict
from freehold.plan.perf.shape import ModelShape, shape_of
from freehold.plan.place import Place
from freehold.plan.settings import PlanSettings, WorkSettings
from freehold.plan.work import Asked
from freehold.types.homes import Price
from freehold.units import NANO_PER_USD

SHARES = 20  # an API serves a workload in twentieths of its peak
MINUTES_PER_HOUR = 60.0
SECONDS_PER_MIN = 60.0
GANG_MOST = 4  # sizes of gang tried at one place
STANDBY_DUTY = 0.002  # of the time that standby capacity is expected to be used: about 18 hours a year


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One unit: a replica, a gang for a job, or a share of an API's calls."""

    place: int
    serves: float  # of the workload's demand
    usd_per_hour: float
    amount: float  # chips, or tokens a minute
    requests_per_min: float = 0.0  # what it takes of a pool that counts requests
    most: float = 1.0
    segment: int | None = None  # the layer of the load curve that an API share is for
    standby: bool = False
    chips: int | None = None
    hours: float | None = None  # how long a job takes
    prediction: Prediction | None = None
    unit: str = "replica"


class Silicon(msgspec.Struct, frozen=True, kw_only=True):
    """What predictions need."""

    chips: dict[str, Chip]
    constants: Constants


def ways(asked: Asked, index: int, place: Place, silicon: Silicon, settings: PlanSettings) -> list[Way] | str:
    """The ways of running a workload at a place, or the reason why there is none."""
    if place.serves_api:
        return _calls(asked, index, place.home.price)
    shape = _shape(asked, place)
    if isinstance(shape, str):
        return shape
    if place.chips is None or place.home.silicon is None:
        return "its silicon or its number of chips is not stated"
    chip = silicon.chips.get(place.home.silicon)
    if chip is None:
        return f"nothing is known of the silicon {place.home.silicon}"
    if place.chip_hour_usd is None:
        return "its price is unknown, and unknown is not free"
    made = _gangs if asked.is_job else _replicas
    found = list(made(asked, index, place, shape, chip, silicon, settings))
    if found:
        return found
    return _why_none(asked, place, shape, chip, silicon)


def _shape(asked: Asked, place: Place) -> ModelShape | str:
    name = asked.settings.model or place.home.model
    if name is None:
        return "no model is named for it: set plan.work.NAME.model"
    return shape_of(name)


def _calls(asked: Asked, index: int, price: Price) -> list[Way] | str:
    if asked.workload.kind == "train":
        return "an API does not train"
    into, out = price.input_nano_usd_per_mtok, price.output_nano_usd_per_mtok
    if into is None or out is None:
        return "its price is unknown, and unknown is not free"
    usd_per_call = (into * asked.inputs + out * asked.outputs) / 1e6 / NANO_PER_USD
    tokens = asked.inputs + asked.outputs
    if asked.is_job:
        return _job_by_calls(asked, index, usd_per_call)
    share, found = asked.peak / SHARES, []

    def way(count: float, usd: float, segment: int | None, standby: bool) -> Way:
        return Way(
            place=index, serves=share, usd_per_hour=usd, amount=share * tokens, requests_per_min=share,
            most=count, segment=segment, standby=standby,
            unit="standby share" if standby else "share of calls",
        )  # fmt: skip

    for number, segment in enumerate(asked.segments):
        usd = share * segment.duty * MINUTES_PER_HOUR * usd_per_call
        found.append(way(math.ceil(segment.requests_per_min / share - 1e-9), usd, number, False))
    usd = share * STANDBY_DUTY * MINUTES_PER_HOUR * usd_per_call
    return [*found, way(SHARES, usd, None, True)]


def _job_by_calls(asked: Asked, index: int, usd_per_call: float) -> list[Way] | str:
    """A batch sent to an API within its deadline, or within the time planned for."""
    tokens, hours = asked.settings.tokens or 0.0, asked.settings.deadline_hours or 730.0
    calls = tokens / max(1.0, asked.outputs)
    per_min = calls / hours / MINUTES_PER_HOUR
    return [
        Way(
            place=index, serves=1.0, usd_per_hour=calls * usd_per_call / hours, hours=hours,
            amount=per_min * (asked.inputs + asked.outputs), requests_per_min=per_min, unit="batch of calls",
        )
    ]  # fmt: skip


def _work(asked: Asked) -> Work:
    settings = asked.settings
    kind = {"serve": "serve", "align": "serve"}.get(asked.workload.kind, asked.workload.kind)
    return Work(
        kind=kind, precision=settings.precision, inputs=asked.inputs, outputs=asked.outputs,  # type: ignore[arg-type]  # one of the kinds of work
        sequence=settings.sequence, speculation=settings.speculation,
    )  # fmt: skip


def expected_rate(said: Prediction) -> float:
    """Tokens per second to plan with: the mean of dollars per token is above its median by the spread."""
    return (said.tokens_per_s or 0.0) * math.exp(-((said.log_spread or 0.0) ** 2) / 2)


def _replicas(
    asked: Asked,
    index: int,
    place: Place,
    shape: ModelShape,
    chip: Chip,
    silicon: Silicon,
    settings: PlanSettings,
) -> Iterator[Way]:
    said = predict(
        shape, _work(asked), chip, silicon.constants, chip_hour_usd=place.chip_hour_usd,
        price_from=place.home.price.source,
    )  # fmt: skip
    if said.tokens_per_s is None or said.chips is None or said.chips > (place.chips or 0):
        return
    serves = expected_rate(said) * settings.headroom * SECONDS_PER_MIN / max(1.0, asked.outputs)
    yield Way(
        place=index, serves=serves, usd_per_hour=(place.chip_hour_usd or 0.0) * said.chips,
        amount=float(said.chips), most=float(math.ceil(asked.peak / serves) + 2), chips=said.chips,
        prediction=said,
    )  # fmt: skip


def _gangs(
    asked: Asked,
    index: int,
    place: Place,
    shape: ModelShape,
    chip: Chip,
    silicon: Silicon,
    settings: PlanSettings,
) -> Iterator[Way]:
    """Gangs of the usual sizes that fit the model, the home and the deadline; the smallest few."""
    sizes = asked.settings.chips or CHIP_COUNTS
    made = 0
    for size in sizes:
        if size > (place.chips or 0) or made >= GANG_MOST:
            break
        said = predict(
            shape, _work(asked), chip, silicon.constants, chips=size, chip_hour_usd=place.chip_hour_usd,
            price_from=place.home.price.source,
        )  # fmt: skip
        hours = job_hours(asked.settings, said, shape, silicon)
        if hours is None or hours > (asked.settings.deadline_hours or math.inf):
            continue
        made += 1
        usd = (place.chip_hour_usd or 0.0) * size * hours / settings.hours
        yield Way(
            place=index, serves=1.0, usd_per_hour=usd, amount=float(size), chips=size, hours=hours,
            prediction=said, unit="gang",
        )  # fmt: skip


def job_hours(work: WorkSettings, said: Prediction, shape: ModelShape, silicon: Silicon) -> float | None:
    """How long a job takes on the chips of a prediction."""
    if said.tokens_per_s is None or said.chips is None:
        return None
    rate = expected_rate(said)
    if work.tokens is not None:
        return work.tokens / rate / 3600.0
    if work.chip_hours is None:
        return None
    reference = silicon.chips.get(work.chip_hours_on or said.silicon)
    if reference is None:
        return None
    kind = Work(kind="train", precision=work.precision, sequence=work.sequence)
    on_reference = predict(shape, kind, reference, silicon.constants)
    if on_reference.tokens_per_s is None or on_reference.chips is None:
        return None
    tokens = work.chip_hours * 3600.0 * expected_rate(on_reference) / on_reference.chips
    return tokens / rate / 3600.0


def _why_none(asked: Asked, place: Place, shape: ModelShape, chip: Chip, silicon: Silicon) -> str:
    said = predict(shape, _work(asked), chip, silicon.constants)
    if said.unknown:
        return said.unknown
    if said.chips is not None and said.chips > (place.chips or 0):
        return f"{shape.name} needs {said.chips} {chip.id}, and it has {place.chips}"
    return "it cannot be done there by its deadline"
