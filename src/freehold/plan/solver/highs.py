"""The only file that knows HiGHS: a linear program as arrays in, values and duals out."""

from __future__ import annotations

from typing import Any

import highspy
import msgspec
import numpy as np

from freehold.plan.solver.problem import Floats, Ints

INFINITY = highspy.kHighsInf
COLUMN_WISE, ROW_WISE, MINIMISE = 1, 2, 1
MIP_GAP = 1e-4


class Outcome(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`values` is None where no solution was found within the limits; duals only of a linear program."""

    optimal: bool
    infeasible: bool
    values: Floats | None
    duals: Floats | None
    objective: float
    bound: float


class Rows(msgspec.Struct, kw_only=True, eq=False):
    """Rows or columns under construction, sparse."""

    starts: list[int] = []
    indices: list[Ints] = []
    values: list[Floats] = []
    count: int = 0

    def add(self, indices: Ints, values: Floats) -> None:
        self.starts.append(self.count)
        self.indices.append(indices)
        self.values.append(values)
        self.count += len(indices)

    def arrays(self) -> tuple[Any, Any, Any]:
        flat = np.concatenate(self.indices) if self.indices else np.zeros(0)
        values = np.concatenate(self.values) if self.values else np.zeros(0)
        return np.array(self.starts, dtype=np.int32), flat.astype(np.int32), values.astype(np.float64)


def quiet(seed: int = 0, **options: bool | float | str) -> highspy.Highs:
    """A solver that prints nothing, runs on one thread, and repeats itself."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]  # its stub says so little
    settings = {"output_flag": False, "threads": 1, "random_seed": seed, "parallel": "off", **options}
    for name, value in settings.items():
        highs.setOptionValue(name, value)
    return highs


def outcome(highs: highspy.Highs) -> Outcome:
    status = highs.getModelStatus()
    info = highs.getInfo()
    solved = highspy.HighsModelStatus
    feasible = info.primal_solution_status == 2
    solution = highs.getSolution()
    return Outcome(
        optimal=status == solved.kOptimal,
        infeasible=status in (solved.kInfeasible, solved.kUnboundedOrInfeasible),
        values=np.array(solution.col_value) if feasible else None,
        duals=np.array(solution.row_dual) if solution.dual_valid else None,
        objective=float(info.objective_function_value),
        bound=float(info.mip_dual_bound),
    )


def integer_program(
    cost: Floats,
    upper: Floats,
    integral: Any,
    row_lower: Floats,
    row_upper: Floats,
    rows: Rows,
    *,
    seed: int = 0,
    start: Floats | None = None,
    seconds_max: float = INFINITY,
    nodes_max: int | None = None,
    gap: float = MIP_GAP,
) -> Outcome:
    """Minimise cost over columns in [0, upper], the marked ones whole, under rows in [lower, upper]."""
    highs = quiet(seed, time_limit=seconds_max, mip_rel_gap=gap)
    if nodes_max is not None:
        highs.setOptionValue("mip_max_nodes", nodes_max)
    starts, indices, values = rows.arrays()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(cost), len(row_lower)
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = cost, np.zeros(len(cost)), upper
    lp.row_lower_, lp.row_upper_ = row_lower, row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.append(starts, len(indices)).astype(np.int32)
    lp.a_matrix_.index_, lp.a_matrix_.value_ = indices, values
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in integral]
    highs.passModel(lp)
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = list(start)
        highs.setSolution(solution)
    highs.run()
    return outcome(highs)
