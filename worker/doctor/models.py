"""Does the forecaster answer, and the model of words?

Each is asked once for real: a product that sold nothing is forecast, and an insight without facts is worded. That costs
less than a cent, and finds what no description shows: a wrong format, a model that reached the end of its life, access
that was never granted."""

from __future__ import annotations

import numpy as np

from domain.buckets import WINDOW_DAYS
from domain.events import MS_PER_DAY, ProductKey
from domain.features import DailySeries
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.bedrock import BedrockExplainer
from worker.aws.endpoints.chosen import form_of
from worker.aws.sagemaker import SageMakerForecaster
from worker.doctor.checkup import Checkup

PROBE = ProductKey("restock-doctor")


async def check_models(checkup: Checkup, *, ask: bool) -> None:
    if checkup.settings.sagemaker_endpoint:
        await _endpoint(checkup, ask=ask)
    await _words(checkup, ask=ask)


async def _endpoint(checkup: Checkup, *, ask: bool) -> None:
    settings, name = checkup.settings, checkup.settings.sagemaker_endpoint
    what = f"endpoint {name}"
    await _state_of(checkup, what, name)
    if not ask:
        checkup.untried(what, "sagemaker:InvokeEndpoint (--no-models)")
        return
    model = SageMakerForecaster(checkup.clients.sagemaker, name, checkup.clock, form_of(settings))
    cover = np.array([settings.terms.protection_days], dtype=np.int64)
    try:
        answer = await model.forecast([PROBE], _nothing_sold(checkup.clock.now() // MS_PER_DAY), cover)
    except (Misconfigured, TransientFailure) as exc:
        fix = "mend it, or set RESTOCK_ENDPOINT_FORMAT to what it speaks; until then the baseline forecasts"
        checkup.doubtful(what, " ".join(str(exc).split()), fix)
        return
    if PROBE in answer:
        checkup.well(what, f"answers as {settings.endpoint_format}")
    else:
        checkup.doubtful(what, "has no forecast for a product without sales", "watch ForecastsByFallback")


async def _state_of(checkup: Checkup, what: str, name: str) -> None:
    if checkup.settings.runtime_endpoint_url is not None:
        checkup.untried(what, "sagemaker:DescribeEndpoint: the runtime is a stand-in's")
        return
    call = checkup.control.sagemaker.describe_endpoint(EndpointName=name)
    fix = "create it, or leave it: without it the baseline forecasts, marked as fallback"
    said = await checkup.ask(what, "sagemaker:DescribeEndpoint", fix, call, needed=False)
    if said is not None and said["EndpointStatus"] != "InService":
        checkup.doubtful(what, f"is {said['EndpointStatus']}", "wait until it is InService, or see its FailureReason")


def _nothing_sold(today: int) -> DailySeries:
    nan, nothing = np.full(1, np.nan), np.zeros((1, WINDOW_DAYS), dtype=np.int64)
    return DailySeries(today, nothing, nan, nan, np.zeros(1), ((),))


async def _words(checkup: Checkup, *, ask: bool) -> None:
    model = checkup.settings.bedrock_model
    what = f"model {model or '(none)'}"
    if not model:
        checkup.well(what, "insights are turned off")
        return
    if not ask:
        checkup.untried(what, "bedrock:InvokeModel (--no-models)")
        return
    try:
        guardrail = checkup.settings.guardrail
        await BedrockExplainer(checkup.clients.bedrock, model, guardrail=guardrail).explain({})
    except Misconfigured as exc:
        fix = "set RESTOCK_BEDROCK_MODEL to an id that this account may use in this region, or empty for no insights"
        checkup.wrong(what, str(exc), fix)
    except TransientFailure as exc:
        checkup.doubtful(what, str(exc), "run it again: a busy model, or an answer that is no insight")
    else:
        checkup.well(what, "answers in the form that was asked for")
