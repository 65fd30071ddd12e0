"""Any dialect in, any dialect out."""

from __future__ import annotations

import pytest

from scripts import dialects_reference
from tests.dialects import homes
from tests.dialects.matrix import INBOUND, cell
from tests.dialects.sdks import FEATURES


@pytest.mark.parametrize("outbound", homes.FORMS)
@pytest.mark.parametrize("inbound", INBOUND)
def test_every_feature_passes_is_adapted_or_refused_with_its_reason(inbound: str, outbound: str) -> None:
    for feature in FEATURES:
        found = cell(inbound, outbound, feature)
        assert found.verdict in ("exact", "adapted", "refused", "unsaid"), feature
        assert bool(found.notes) == (found.verdict in ("adapted", "refused")), feature


@pytest.mark.parametrize("form", homes.FORMS)
def test_the_same_form_on_both_sides_is_exact(form: str) -> None:
    said = [cell(form, form, feature) for feature in FEATURES]
    assert {each.verdict for each in said} <= {"exact", "unsaid"}


def test_only_stop_sequences_are_refused_and_only_by_responses() -> None:
    refused = {
        (feature, outbound)
        for feature in FEATURES
        for inbound in INBOUND
        for outbound in homes.FORMS
        if cell(inbound, outbound, feature).verdict == "refused"
    }
    assert refused == {("stop sequence", "responses")}


def test_the_reference_page_holds_this_table() -> None:
    assert dialects_reference.PAGE.read_text() == dialects_reference.page(), "run: make docs"
