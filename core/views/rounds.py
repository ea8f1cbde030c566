"""The tuning rounds of a run as a table, and as what is drawn of them."""

from collections.abc import Sequence

import pandas as pd

from core.store.tables import Round
from core.views.round_curves import RoundCurve

MOST_POINTS = 600


def rounds_table(rounds: Sequence[Round]) -> pd.DataFrame:
    """One line a round, numbers as they were measured; missing where no CID was measured or it was undefined."""
    lines = []
    for one in rounds:
        report = one.report
        cid = report["cid"] or [None]
        lines.append(
            {
                "Round": one.number,
                "After step": one.step,
                "J, first epoch": report["loss"][0],
                "J, last epoch": report["loss"][-1],
                "Difference, first epoch": report["difference"][0],
                "Difference, last epoch": report["difference"][-1],
                "CID before": cid[0],
                "CID after": cid[-1],
                "Seconds": round(report["seconds"], 1),
            }
        )
    return pd.DataFrame(lines)


def round_points(rounds: Sequence[Round], metrics: pd.DataFrame) -> list[RoundCurve]:
    """What is drawn of each round, the one that goes on last: J of its tuning steps, thinned to what a screen can show.

    CID before a round and after the one before it have the same tuning step, so finished rounds are read from their
    reports, and the metric of that step counts for the round that goes on.
    """
    loss = metrics.loc[metrics["name"] == "round_loss", ["step", "value"]]
    every = max(1, -(-len(loss) // MOST_POINTS))

    def between(first: int, last: float) -> tuple[tuple[int, float], ...]:
        inside = loss[loss["step"].between(first, last)]
        kept = inside.iloc[sorted({*range(0, len(inside), every), *([len(inside) - 1] if len(inside) else [])})]
        return tuple(zip(kept["step"].tolist(), kept["value"].tolist(), strict=True))

    curves = []
    for one in rounds:
        epoch = (one.last - one.first + 1) // max(len(one.report["loss"]), 1)
        places = [one.first - 0.5, *range(one.first - 1 + epoch, one.last + 1, epoch)]
        cid = tuple((x, y) for x, y in zip(places, one.report["cid"], strict=False) if y is not None)
        curves.append(RoundCurve(one.first, one.step, between(one.first, one.last), cid))
    done = rounds[-1].last if rounds else 0
    begun = between(done + 1, float("inf"))
    if begun:
        cids = metrics[(metrics["name"] == "round_cid") & (metrics["step"] >= done)]
        at = tuple((max(step, done + 0.5), y) for step, y in zip(cids["step"], cids["value"], strict=True))
        curves.append(RoundCurve(done + 1, None, begun, at))
    return curves
