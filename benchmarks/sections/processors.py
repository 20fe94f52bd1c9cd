"""Verdicts of figures whose networks were trained anew with other threads and other instructions."""

from typing import Any

from rainbownet.experiments.markdown import table
from sections import Section


def processors(result: dict[str, Any]) -> str:
    settings, claims = result["settings"], result["claims"]
    first = settings[0]
    about = [_setting(own, first) for own in settings[1:]]
    same = sum(len(set(claim["verdicts"])) == 1 for claim in claims)
    told = sum("cannot tell" not in claim["verdicts"] for claim in claims)
    figures = dict.fromkeys(claim["figure"] for claim in claims)
    text = (
        f"Figures made from networks trained anew in each setting, from the same seeds ({result['scale']}). "
        f"The recipe fixes the threads of training. Beside *{first['name']}* ({first['instructions']}): "
        f"{'; '.join(about)}. **{same} of {len(claims)} verdicts of {len(figures)} figures are the same in all "
        f"settings**; {told} of them agree or disagree, the others cannot tell. So few images say nothing of the "
        "papers; what is compared is one processor with another."
    )
    rows = [[claim["figure"], claim["rule"], *_cells(claim)] for claim in claims]
    return text + "\n\n" + table(["figure", "rule", *(own["name"] for own in settings)], rows)


def _setting(own: dict[str, Any], first: dict[str, Any]) -> str:
    if own["weights"] == first["weights"]:
        return f"*{own['name']}* ({own['instructions']}), all weights equal bit for bit"
    along = ", ".join(f"{value:.0e} after {epoch}" for epoch, value in own["apart_by_epoch"].items())
    return (
        f"*{own['name']}* ({own['instructions']}), weights of a layer apart by up to so much of their norm: {along} "
        "epochs (rounding, which training amplifies)"
    )


def _cells(claim: dict[str, Any]) -> list[str]:
    return [f"{verdict}: {ours}" for verdict, ours in zip(claim["verdicts"], claim["ours"], strict=True)]


SECTION = Section(118, {"processors.json": "The same verdicts with other threads and instructions"}, processors)
