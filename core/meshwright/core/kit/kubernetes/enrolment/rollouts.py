"""Starting workloads anew, one after the other, so that their pods take part in the mesh or leave it.

Problem: a restart takes pods away from people who use them. Invariant: one workload at a time, the next only when the
one before is whole again; never more pods are taken away than every PodDisruptionBudget allows; what is not restarted
is told with the reason. Doing it twice for the same operation restarts nothing twice.
"""

import asyncio
import functools
from collections.abc import Sequence

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import failures, marking, workloads
from meshwright.core.kit.kubernetes.enrolment.workloads import RESTARTED, Budget, Controller
from meshwright.core.kit.kubernetes.target import readiness
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef

BUDGET_SECONDS = 120.0
"""how long a budget is waited for that others use up just now"""
ROLLOUT_SECONDS = 600.0
_LOOK = 1.0


class Restarted(Model, frozen=True, kw_only=True):
    """What became of one workload; `left` says why it was not restarted."""

    ref: ResourceRef
    left: str = ""


class Rollouts:
    """The restarts of one operation. `stamp` marks them, so that another attempt knows its own."""

    def __init__(self, ctx: kit.Context, target: k8s.KubernetesTarget, stamp: str) -> None:
        self._ctx = ctx
        self._target = target
        self._stamp = stamp

    async def restart_all(self, refs: Sequence[ResourceRef]) -> list[Restarted]:
        """Restart workloads one after the other, each in a step of its own."""
        results: list[Restarted] = []
        for number, ref in enumerate(refs, 1):
            await self._ctx.progress(f"workload {number} of {len(refs)}", 100 * (number - 1) / len(refs))
            name = f"restart-{ref.namespace}-{ref.kind.lower()}-{ref.name}"
            action = functools.partial(self.restart, ref)
            results.append(await self._ctx.patient_step(name, action, result=Restarted))
        return results

    async def restart(self, ref: ResourceRef) -> Restarted:
        """Restart a workload and wait until it is whole. Raises Reject when its new pods do not come up."""
        body = await (await self._target.cluster()).find(ref)
        if body is None:
            return Restarted(ref=ref, left="it is gone")
        one = workloads.controller(body)
        if one.restarted != self._stamp:
            if because := one.obstacle or await self._held_by_budget(one):
                return Restarted(ref=ref, left=because)
            await self._ctx.confirm()
            cluster = await self._target.cluster()
            await marking.put_in_template(cluster, ref, {}, {RESTARTED: self._stamp})
            await self._ctx.progress(f"restarting {ref}")
        await self.until_whole(ref)
        return Restarted(ref=ref)

    async def again(self, refs: list[ResourceRef]) -> None:
        """Restart once more what this operation has restarted, after its labels were put back; nobody waits."""
        cluster = await self._target.cluster()
        for ref in refs:
            body = await cluster.find(ref)
            if body is not None and workloads.controller(body).restarted == self._stamp:
                await marking.put_in_template(cluster, ref, {}, {RESTARTED: f"{self._stamp}-undone"})

    async def until_whole(self, ref: ResourceRef) -> None:
        """Wait for a rollout. Raises Reject when it does not get on."""
        end, reported = asyncio.get_running_loop().time() + ROLLOUT_SECONDS, ""
        while True:
            body = await (await self._target.cluster()).find(ref)
            verdict = readiness.verdict(body) if body else readiness.READY
            if verdict.state == "ready":
                return
            if verdict.state == "failed" or asyncio.get_running_loop().time() > end:
                raise failures.stuck(ref, verdict.because)
            if verdict.because != reported:
                reported = verdict.because
                await self._ctx.progress(f"restarting {ref}: {reported}")
            await self._ctx.sleep(_LOOK)

    async def _held_by_budget(self, one: Controller) -> str:
        """Why a budget forbids the restart; empty when it allows it, perhaps after a while."""
        end, reported = asyncio.get_running_loop().time() + BUDGET_SECONDS, False
        while True:
            held = [each for each in await self._budgets(one) if each.now < one.away]
            if not held:
                return ""
            words = f"PodDisruptionBudget {held[0].name} allows {held[0].now} of its pods to be away, and a rollout"
            words += f" takes {one.away}"
            if any(each.most < one.away for each in held) or asyncio.get_running_loop().time() > end:
                return words
            if not reported:
                reported = True
                await self._ctx.progress(f"waiting with {one.ref}: {words}")
            await self._ctx.sleep(_LOOK)

    async def _budgets(self, one: Controller) -> list[Budget]:
        return await workloads.budgets(await self._target.cluster(), one)
