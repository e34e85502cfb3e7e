"""Which layer sees a bug first?

The cheap ones first: some seeds of the swarm; the figures of steady seeds beside those of the sound tree; a slice of
the single accidents; then all the seeds, and only in the end a named test of the suite. Whatever gives a bug away
is run on the sound tree too, where it must hold."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from simulation.figures import Figures

from mutants.mutant import Mutant
from mutants.processes import Plan, Told, Unsound, tested, trial
from mutants.ratios import RATIOS
from mutants.trees import grow

FIRST_SEEDS = 12
ACCIDENTS_EVERY, ACCIDENTS_MAX = 397, 40
RATIO_SEEDS = 20
ACCIDENTS = Plan("accidents", ACCIDENTS_EVERY, ACCIDENTS_MAX)
SURVIVED = "-"


@dataclass(slots=True)
class Catch:
    """layer: SURVIVED if nothing saw it. where: the seed, accident, figure or test. runs: what it took."""

    mutant: Mutant
    layer: str
    where: str
    said: str
    runs: int = 0

    @property
    def caught(self) -> bool:
        return self.layer != SURVIVED


@dataclass(slots=True)
class Hunt:
    """source: the tree as it was when the hunt began. slots: how many bugs may be hunted at a time. thorough: all the
    seeds also for those that the simulation is not expected to see. Of the sound tree
    everything is run once, when it is first needed."""

    source: Path
    seeds: int
    slots: asyncio.Semaphore
    thorough: bool = False
    _held: dict[Plan | str, asyncio.Future[Told]] = field(default_factory=dict)

    async def catch(self, mutant: Mutant) -> Catch:
        """The first layer that sees the mutant."""
        async with self.slots:
            with TemporaryDirectory(prefix="mutant-") as folder:
                return await self._caught(mutant, grow(self.source, Path(folder), mutant))

    async def _caught(self, mutant: Mutant, tree: Path) -> Catch:
        first = min(FIRST_SEEDS, self.seeds)
        last = first if mutant.blind and not self.thorough else self.seeds
        runs, seen = 0, []
        for looked in (
            lambda: self._by_plan(mutant, tree, "simulation", Plan("seed", 0, first)),
            lambda: self._by_ratio(mutant, tree),
            lambda: self._by_plan(mutant, tree, "accidents", ACCIDENTS),
            lambda: self._by_plan(mutant, tree, "simulation", Plan("seed", first, last)),
            lambda: self._by_test(mutant, tree),
        ):
            catch = await looked()
            catch.runs = runs = runs + catch.runs
            if catch.caught:
                return catch
            seen += [catch.said] if catch.said else []
        catch.said = "; ".join(seen)
        return catch

    async def _by_plan(self, mutant: Mutant, tree: Path, layer: str, plan: Plan) -> Catch:
        if plan.first == plan.last:
            return Catch(mutant, SURVIVED, "", "")
        told = await trial(tree, plan)
        if told.failed is None:
            return Catch(mutant, SURVIVED, "", "", told.runs)
        number = plan.first + told.runs - 1
        await self._sound(plan if plan == ACCIDENTS else Plan(plan.kind, number, number + 1))
        return Catch(mutant, layer, told.failed, told.reason, told.runs)

    async def _by_ratio(self, mutant: Mutant, tree: Path) -> Catch:
        if mutant.ratio is None:
            return Catch(mutant, SURVIVED, "", "")
        ratio = RATIOS[mutant.ratio]
        plan = Plan(ratio.seeds, 0, RATIO_SEEDS)
        sound = await self._sound(plan)
        told = await trial(tree, plan)
        if told.failed is not None:
            return Catch(mutant, "simulation", told.failed, told.reason, told.runs)
        caught, said = ratio.told(told.figures, sound.figures)
        return Catch(mutant, "ratio" if caught else SURVIVED, mutant.ratio, said, told.runs)

    async def _by_test(self, mutant: Mutant, tree: Path) -> Catch:
        if mutant.test is None:
            return Catch(mutant, SURVIVED, "", "")
        said = await tested(tree, mutant.test)
        if said is None:
            return Catch(mutant, SURVIVED, "", "", 1)
        await self._sound(mutant.test)
        return Catch(mutant, "test", mutant.test, said, 1)

    async def _sound(self, what: Plan | str) -> Told:
        """What a plan or a test comes to without any bug; Unsound if it fails."""
        if what not in self._held:
            self._held[what] = asyncio.ensure_future(self._run_sound(what))
        return await self._held[what]

    async def _run_sound(self, what: Plan | str) -> Told:
        with TemporaryDirectory(prefix="mutant-") as folder:
            tree = grow(self.source, Path(folder), None)
            if isinstance(what, Plan):
                told = await trial(tree, what)
            else:
                said = await tested(tree, what)
                told = Told(1, Figures(), None if said is None else what, said or "")
        if told.failed is not None:
            raise Unsound(f"{told.failed} fails without a bug: {told.reason}")
        return told
