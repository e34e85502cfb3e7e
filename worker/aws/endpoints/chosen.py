"""Which format does the configured endpoint speak?"""

from __future__ import annotations

from collections.abc import Callable

from worker.aws.endpoints.autogluon import AutoGluonForm
from worker.aws.endpoints.chronos import ChronosForm
from worker.aws.endpoints.deepar import DeepArForm
from worker.aws.endpoints.form import Form
from worker.aws.endpoints.guide import GuideForm
from worker.aws.endpoints.restock import RestockForm
from worker.settings import Settings

FORMS: dict[str, Callable[[int, float], Form]] = {
    "chronos": ChronosForm,
    "deepar": DeepArForm,
    "autogluon": AutoGluonForm,
    "guide": GuideForm,
}


def form_of(settings: Settings) -> Form:
    """The format that the settings name."""
    if settings.endpoint_format == "restock":
        return RestockForm()
    kind = FORMS[settings.endpoint_format]
    return kind(settings.endpoint_prediction_length, settings.endpoint_day_correlation)
