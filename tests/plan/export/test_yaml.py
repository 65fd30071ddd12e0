from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from freehold.plan.export.yaml import dumped

TEXT = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
SCALARS = TEXT | st.integers(-(10**9), 10**9) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_yaml_is_read_back_as_it_was_written(value: dict[str, object]) -> None:
    text = dumped(value)  # type: ignore[arg-type]  # plain values
    assert yaml.safe_load(text) == value
