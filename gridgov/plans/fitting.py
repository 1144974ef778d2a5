"""Whether the steps of a plan's procedures fit its tiers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from incidents.steps import digits, level_of

if TYPE_CHECKING:
    from gridgov.plans.schema import Preset


def misplaced(plan: Preset) -> Iterator[str]:
    """Steps at a level that the plan does not have, or of posts that its level does not have but another one has."""
    posts = {level_of("0" * (9 + 3 * tier.depth)): {post.title for post in tier.posts} for tier in plan.tiers}
    everywhere = set().union(*posts.values())
    for procedure in plan.procedures:
        for step in procedure.spec.steps:
            where = f"(named by step {step.code} of {procedure.code})"
            if digits(step.level) and step.level not in posts:
                yield f"no tier of level {step.level} {where}"
            elif digits(step.level):
                elsewhere = (set(step.posts) & everywhere) - posts[step.level]
                yield from (f"no post {title} at level {step.level} {where}" for title in sorted(elsewhere))
