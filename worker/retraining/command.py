"""What does `restock retrain` do, and what does it say in the end?

Progress goes to standard error, the closing line to standard output, figures into the folder of --report."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forecaster.fitting import NotEnoughHistory
from forecaster.known_ahead import Calendar, UnreadableCalendar, read_calendar
from forecaster.model import DemandModel, UnreadableModel
from forecaster.sales import UnreadableSales
from handlers.errors import Misconfigured, TransientFailure
from worker.aws.sagemaker_control import ControlClients, Failed, SageMakerControl, open_control
from worker.clock import SystemClock
from worker.process import read_settings
from worker.retraining.artifacts import existing, fetched, load_model, put_in_place
from worker.retraining.data import NothingToJudge, Sales, read
from worker.retraining.gate import Verdict, told
from worker.retraining.on_aws import OnAws, artifact_behind, planned
from worker.retraining.plan import Plan, S3Place, WrongPlan
from worker.retraining.steps import NotGoodEnough, Progress, TrainingFailed, pass_gate, train_here, write_json
from worker.settings import Settings

STEPS, LOCAL_STEPS = 5, 4
ENDPOINT = "endpoint"
EXIT_MESSAGE = Path("/opt/ml/output/message")  # of a processing job: SageMaker shows it
UNSAID_RUN = "FIRST-DAY-HELD-OUT"
FAILURES = (
    Failed,
    Misconfigured,
    NotEnoughHistory,
    NothingToJudge,
    OSError,
    TrainingFailed,
    TransientFailure,
    UnreadableCalendar,
    UnreadableModel,
    UnreadableSales,
)


def run_retrain(chosen: argparse.Namespace) -> int:
    """Runs the command; returns its exit code."""
    try:
        settings = read_settings()
        run = Run(chosen, settings)
        run.require()
    except (ValueError, WrongPlan) as exc:
        return _said(str(exc), 2)
    try:
        return asyncio.run(run())
    except NotGoodEnough as exc:
        return _said(f"the new model does not serve, and nothing is changed: {exc}", 1)
    except FAILURES as exc:
        return _said((str(exc) or type(exc).__name__).splitlines()[0], 1)
    except KeyboardInterrupt:
        return _said("interrupted; the same command goes on where it stopped", 1)


@dataclass(slots=True)
class Run:
    """One use of the command."""

    chosen: argparse.Namespace
    settings: Settings

    def require(self) -> None:
        """WrongPlan if something is missing for what is asked for."""
        said = self.chosen
        needed = [] if said.dry_run or said.deploy else ["sales"]
        if not (said.local or said.prepare or said.judge):
            needed += ["image", "role", "place"]
        missing = [f"--{name}" for name in needed if not getattr(said, name)]
        if missing:
            raise WrongPlan(f"missing: {', '.join(missing)}")
        if said.deploy and not said.run_id:
            raise WrongPlan("--deploy needs the --run-id that the model was trained under")
        if said.deploy and said.report is None:
            raise WrongPlan("--deploy needs the --report that the gate wrote: only what it let pass may serve")
        if needed[-1:] == ["place"]:
            self.plan(said.run_id or UNSAID_RUN)

    def plan(self, run_id: str) -> Plan:
        said = self.chosen
        return Plan(
            run_id=run_id,
            endpoint=self.settings.sagemaker_endpoint,
            image=said.image,
            role=said.role,
            place=S3Place.of(said.place),
            training_instance=said.training_instance,
            hosting_instance=said.hosting_instance,
            hosting_instances=said.hosting_instances,
            observe_s=said.observe_s,
            canary_percent=said.canary_percent,
            bake_s=said.bake_s,
            latency_ms_max=said.latency_ms_max,
            alarms=tuple(said.alarm),
        )

    async def __call__(self) -> int:
        if self.chosen.dry_run:
            requests = planned(self.plan(self.chosen.run_id or UNSAID_RUN))
            sys.stdout.write(json.dumps(requests, indent=2) + "\n")
            return 0
        if not self._needs_aws:
            return await self._work(None)
        async with open_control(self.settings.region, self.settings.endpoint_url) as clients:
            return await (self._deploy(clients) if self.chosen.deploy else self._work(clients))

    @property
    def _needs_aws(self) -> bool:
        said = self.chosen
        addresses = [said.sales, said.serving, said.judge]
        on_aws = not (said.local or said.prepare or said.judge)
        return on_aws or any(each == ENDPOINT or each.startswith("s3://") for each in addresses if each)

    async def _work(self, clients: ControlClients | None) -> int:
        said = self.chosen
        work = said.work / said.run_id if said.run_id else said.work
        sales = read([await fetched(said.sales, work / "sales", _s3(clients), anew=True)])
        if said.prepare:
            path = sales.write_training(said.prepare)
            return _closed(f"{path}: sales before {sales.until}; {sales.skipped:,} rows were of no use")
        work = said.work / (said.run_id or sales.until)
        if said.judge:
            return await self._judge(sales, work, clients)
        if said.local or clients is None:
            return await self._locally(sales, work)
        return await self._on_aws(sales, work, clients)

    async def _judge(self, sales: Sales, work: Path, clients: ControlClients | None) -> int:
        progress = Progress(1, sys.stderr)
        with progress.step("gate", f"the model of {self.chosen.judge} on the 28 days from {sales.until}"):
            archive = await fetched(self.chosen.judge, work / "archive", _s3(clients))
            candidate = load_model(archive, work / "model")
            serving = await self._serving(self.chosen.serving, work, clients, progress)
            verdict = pass_gate(candidate, serving, sales, self._calendar(), self.chosen.report, progress)
        return self._done(verdict, progress, f"{candidate.name} is good enough to serve")

    async def _locally(self, sales: Sales, work: Path) -> int:
        said, progress = self.chosen, Progress(LOCAL_STEPS, sys.stderr)
        with progress.step("data", f"sales before {sales.until}"):
            training = sales.write_training(work)
        with progress.step("train", "in a process of its own"):
            train_here(training, sales.until, said.calendar, work / "model", progress)
        with progress.step("gate", f"on the 28 days from {sales.until}"):
            candidate = load_model(work / "model", work)
            serving = await self._serving(existing(said.serving), work, None, progress)
            verdict = pass_gate(candidate, serving, sales, self._calendar(), said.report, progress)
        with progress.step("place", str(said.serving or work / "model")):
            if said.serving:
                put_in_place(work / "model", Path(said.serving))
        return self._done(verdict, progress, f"{candidate.name} is in {said.serving or work / 'model'}")

    async def _on_aws(self, sales: Sales, work: Path, clients: ControlClients) -> int:
        said, progress = self.chosen, Progress(STEPS, sys.stderr)
        plan = self.plan(said.run_id or sales.until)
        on_aws = OnAws(plan, clients, SystemClock(), progress)
        with progress.step("data", f"sales before {sales.until}"):
            await on_aws.put_data(sales.write_training(work))
        with progress.step("train", f"on {plan.training_instance}"):
            artifact = await on_aws.train()
        with progress.step("gate", f"on the 28 days from {sales.until}"):
            candidate = await on_aws.model(artifact, work)
            serving = await self._serving(said.serving or ENDPOINT, work, clients, progress, other_than=artifact)
            verdict = pass_gate(candidate, serving, sales, self._calendar(), said.report, progress)
        await self._into_service(on_aws, plan, artifact, verdict.backtest, progress)
        return self._done(verdict, progress, f"{candidate.name} serves at {plan.endpoint}")

    async def _into_service(
        self, on_aws: OnAws, plan: Plan, artifact: str, backtest: dict[str, float], progress: Progress
    ) -> None:
        with progress.step("rollout", f"as a shadow for {plan.observe_s:,} s, then as a canary"):
            await on_aws.deploy(artifact)
        with progress.step("told", "what the workers measure it by"):
            await on_aws.tell_workers(self.settings.state_table, backtest)

    async def _deploy(self, clients: ControlClients) -> int:
        said, progress = self.chosen, Progress(2, sys.stderr)
        plan = self.plan(said.run_id)
        gate = json.loads((said.report / "gate.json").read_text())
        if gate.get("passed") is not True:
            raise NotGoodEnough("; ".join(gate.get("reasons") or ["its gate.json does not say that it passed"]))
        on_aws = OnAws(plan, clients, SystemClock(), progress)
        await self._into_service(on_aws, plan, said.deploy, gate["backtest"], progress)
        return _closed(f"{said.deploy} serves at {plan.endpoint}")

    async def _serving(
        self,
        address: str | None,
        work: Path,
        clients: ControlClients | None,
        progress: Progress,
        other_than: str | None = None,
    ) -> DemandModel | None:
        """The model that serves, unless it is the one that is judged: then this run has brought it there."""
        if address == ENDPOINT and clients is not None:
            control = SageMakerControl(clients, SystemClock(), progress.tell)
            address = await artifact_behind(control, self.settings.sagemaker_endpoint)
        if address is None or address == other_than:
            return None
        try:
            return load_model(await fetched(address, work / "serving-archive", _s3(clients)), work / "serving")
        except UnreadableModel as exc:
            progress.tell(f"the serving model is not compared with: {exc}")
            return None

    def _calendar(self) -> Calendar | None:
        return read_calendar(self.chosen.calendar) if self.chosen.calendar is not None else None

    def _done(self, verdict: Verdict, progress: Progress, line: str) -> int:
        if self.chosen.report is not None:
            write_json(self.chosen.report / "summary.json", {"gate": told(verdict), "seconds": progress.seconds})
        return _closed(line)


def _s3(clients: ControlClients | None) -> Any:
    return clients.s3 if clients is not None else None


def _closed(line: str) -> int:
    sys.stdout.write(line + "\n")
    return 0


def _said(line: str, code: int) -> int:
    sys.stderr.write(f"restock retrain: {line}\n")
    if EXIT_MESSAGE.parent.is_dir():
        EXIT_MESSAGE.write_text(line[:1_000], encoding="utf-8")
    return code
