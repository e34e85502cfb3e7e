"""How does a model that passed the gate come to serve, and what takes it back?

First as a shadow: a copy of each request, no influence on any answer, and errors of its own end the rollout. Then as a
canary: a part of the capacity, watched by alarms that bring back what served. Nothing is remembered here between the
steps: the endpoint's own configuration, and notes beside the shadow's, say how far it is, so that whoever runs it again
goes on from there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.ports import Clock
from worker.aws.sagemaker_control import Failed, SageMakerControl, Tell
from worker.retraining import requests
from worker.retraining.plan import SHADOW, Plan

ERRORS = ("Invocation4XXErrors", "Invocation5XXErrors")


class Rollout:
    def __init__(self, plan: Plan, control: SageMakerControl, clock: Clock, tell: Tell) -> None:
        self._plan = plan
        self._control = control
        self._clock = clock
        self._tell = tell

    async def run(self, model_data: str) -> None:
        """Brings the model into service. Failed if it was taken back; what served before serves then."""
        made = await self._control.ensure("model", "ModelName", requests.model(self._plan, model_data))
        self._tell(f"model {self._plan.model}" + ("" if made else ", made before"))
        endpoint = await self._control.describe("endpoint", EndpointName=self._plan.endpoint)
        if endpoint is None:
            await self._first()
            return
        endpoint = await self._control.settled(self._plan.endpoint)
        serving = await self._serving(endpoint["EndpointConfigName"])
        variant = serving["VariantName"]
        if endpoint["EndpointConfigName"] == self._plan.live_config:
            self._tell(f"endpoint {self._plan.endpoint}: serves it already")
            return
        if "ServerlessConfig" in serving:
            self._tell("the endpoint is serverless: it takes no shadow")
        else:
            await self._shadow(endpoint["EndpointConfigName"], serving)
        await self._canary(variant)

    async def _first(self) -> None:
        await self._control.ensure("endpoint_config", "EndpointConfigName", requests.live_config(self._plan))
        await self._control.ensure("endpoint", "EndpointName", requests.create_endpoint(self._plan))
        self._tell(f"endpoint {self._plan.endpoint}: made, since nothing served before")
        await self._control.settled(self._plan.endpoint)

    async def _serving(self, config: str) -> dict[str, Any]:
        """The one variant that answers now."""
        said = await self._control.describe("endpoint_config", EndpointConfigName=config)
        variants = said["ProductionVariants"] if said is not None else []
        if len(variants) != 1:
            raise Failed(
                f"endpoint {self._plan.endpoint} has {len(variants)} production variants, not one: not touched"
            )
        return dict(variants[0])

    async def _shadow(self, config: str, serving: dict[str, Any]) -> None:
        """Has the new model answer copies of the requests for a while; nothing is left of it at the end but the note
        that it passed. Failed if it failed a request, or was asked nothing, so that nothing is known of it."""
        plan, control = self._plan, self._control
        if config != plan.shadow_config:
            if await self._noted(requests.PASSED) is not None:
                self._tell("shadow: passed before")
                return
            request = requests.shadow_config(plan, serving, before=config)
            await control.ensure("endpoint_config", "EndpointConfigName", request)
            await control.update_endpoint(requests.shadow_update(plan))
            self._tell(f"shadow: the model gets a copy of each request for {plan.observe_s:,} s")
            self._expect(await control.settled(plan.endpoint), plan.shadow_config)
        asked, wrong = await self._watched()
        if asked and not wrong:
            await control.note(await self._shadow_arn(), requests.PASSED, str(int(asked)))
        # The canary begins from exactly what served before, and goes back to exactly that.
        before = await self._noted(requests.BEFORE)
        await control.update_endpoint({"EndpointName": plan.endpoint, "EndpointConfigName": before})
        await control.settled(plan.endpoint)
        if wrong:
            raise Failed(f"the shadow failed {wrong:,.0f} of {asked:,.0f} requests: it is taken away again")
        if not asked:
            raise Failed(
                f"the shadow was asked nothing in {plan.observe_s:,} s, so nothing is known of it: it is taken "
                "away again; run it when products are forecast, or give it more time (--observe-s)"
            )

    async def _watched(self) -> tuple[float, float]:
        """How many requests the shadow was asked while it was watched, and how many of them it failed."""
        plan, control = self._plan, self._control
        since = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        await control.wait(plan.observe_s, "shadow")
        until = datetime.fromtimestamp(self._clock.now() / 1000, UTC) + timedelta(seconds=60)
        asked = await control.sum_of("Invocations", plan.endpoint, SHADOW, since, until)
        wrong = [await control.sum_of(name, plan.endpoint, SHADOW, since, until) for name in ERRORS]
        self._tell(f"shadow: {asked:,.0f} requests, {sum(wrong):,.0f} of them failed")
        return asked, sum(wrong)

    async def _canary(self, variant: str) -> None:
        plan, control = self._plan, self._control
        await control.ensure("endpoint_config", "EndpointConfigName", requests.live_config(plan, variant))
        if not plan.alarms:
            for alarm in requests.alarms(plan, variant):
                await control.put_alarm(alarm)
        await control.update_endpoint(requests.canary_update(plan, variant))
        self._tell(f"canary: {plan.canary_percent} % for {plan.bake_s:,} s, then all")
        self._expect(await control.settled(plan.endpoint), plan.live_config)

    def _expect(self, said: dict[str, Any], config: str) -> None:
        if said["EndpointConfigName"] != config:
            reason = said.get("FailureReason", "an alarm went off")
            raise Failed(f"endpoint {self._plan.endpoint} went back to {said['EndpointConfigName']}: {reason}")

    async def _noted(self, key: str) -> str | None:
        """What was noted beside the shadow's configuration; None if it is not, or there is none."""
        arn = await self._shadow_arn()
        return await self._control.tag(arn, key) if arn is not None else None

    async def _shadow_arn(self) -> str | None:
        said = await self._control.describe("endpoint_config", EndpointConfigName=self._plan.shadow_config)
        return str(said["EndpointConfigArn"]) if said is not None else None
