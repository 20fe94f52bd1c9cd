"""What a report shows: every number of the page, before it is a page."""

import json
from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd


@dataclass
class Report:
    """The numbers of a report. A table without rows was not measured.

    Attributes:
        title: What the report is about.
        facts: What was fitted and on what, as label → text.
        fitted: How many networks the law was fitted on; a rainbow's may be more than are shown.
        networks: A row per network: `network`, `parameters`, and `accuracy` and `loss` on the labelled images.
        populations: A row per population of neurons: `population`, `neurons`, `numbers`, `frozen`, `writers`,
            `readers`, `rank` of its law and `effective_rank` of its covariance.
        layers: A row per weight layer: `layer`, `channels` read, `rows` of all networks, `dimensions`,
            `effective_rank`, `decay` and `decay_error` of the exponential on the first ranks, `outside`, `spikes`,
            `largest` and `upper_edge` of the first network against Marchenko–Pastur, `outside_whitened` (several
            networks), `activation_exponent` and `activation_exponent_error`, `activation_rank`, and `directions`
            tested for normality, `rejected` of them.
        weight_spectra: `layer`, `rank`, `over_mean`: eigenvalues of the covariance in units of their mean.
        activation_spectra: `layer`, `rank`, `over_first`: those of what a layer reads, in units of the largest.
        bulk: `layer`, `kind`, `value`, `density`: of the first network's eigenvalues in bins ("bin"), of white ones
            ("white"), and the eigenvalues that stand out ("outlier").
        gaussianity: What `analysis.gaussianity` returned, with `layer`.
        quantiles: What `analysis.qq_table` returned, with `layer`.
        comparison: What `compare` returned for the first network and each other one, with `network`.
        similarity: The table of `rainbownet.similarity` (debiased CKA of all layers with all) for the same pairs, with
            `network`.
        samples: A row per width and law: `width`, `law` ("rainbow" or "white control"; first, at width 1, "identity
            baseline": the trained neurons through the same alignment), `accuracy`, `loss`, `cosine`,
            `error` (means over layers), `held_out`, `copy_score`, `copy_baseline`, `images`.
        alignment: A row per width, law and layer: `width`, `law`, `layer`, `rows`, `ridge`, `toward`, `cosine`,
            `error`.
        warnings: What a reader should know before believing a number, in words.
        versions: Versions of what computed it.
    """

    title: str
    facts: dict[str, str] = field(default_factory=dict)
    fitted: int = 0
    networks: pd.DataFrame = field(default_factory=pd.DataFrame)
    populations: pd.DataFrame = field(default_factory=pd.DataFrame)
    layers: pd.DataFrame = field(default_factory=pd.DataFrame)
    weight_spectra: pd.DataFrame = field(default_factory=pd.DataFrame)
    activation_spectra: pd.DataFrame = field(default_factory=pd.DataFrame)
    bulk: pd.DataFrame = field(default_factory=pd.DataFrame)
    gaussianity: pd.DataFrame = field(default_factory=pd.DataFrame)
    quantiles: pd.DataFrame = field(default_factory=pd.DataFrame)
    comparison: pd.DataFrame = field(default_factory=pd.DataFrame)
    similarity: pd.DataFrame = field(default_factory=pd.DataFrame)
    samples: pd.DataFrame = field(default_factory=pd.DataFrame)
    alignment: pd.DataFrame = field(default_factory=pd.DataFrame)
    warnings: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values, tables as lists of rows, numbers that are missing as None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: json.loads(str(value.to_json(orient="records", double_precision=15)))
            if isinstance(value, pd.DataFrame)
            else value
            for name, value in values.items()
        }
