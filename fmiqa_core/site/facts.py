"""What the gallery's first page says, with numbers read from the tables."""

import pandas as pd

from ..files import paths

KEY = ("fig01_maps_demo", "fig04_layerwise_live_5refs", "fig05_main", "fig09_map")
LEADS = {
    "figures": "Every figure, by the notebook that made it. Each page has the numbers behind it, their provenance, "
    "what to cite, and the code.",
    "tables": "Every table, sortable, with its numbers as CSV, Markdown and LaTeX.",
    "notebooks": "The chain, as it was executed last. Each notebook runs on its own; what it needs from an earlier one "
    "and does not find, it computes.",
}


def facts(items) -> list[dict]:
    """Sentences about the claim, each with its number, the words and a link; only those whose tables are here."""
    known = {item.name: item.page for item in items}
    return [
        {**fact, "link": known[name]}
        for name, read in {"tab09_claims": _claims, "tab04_best_layers_live_5refs": _layers}.items()
        if name in known
        for fact in read(pd.read_csv(paths.figures() / f"{name}.csv", keep_default_na=False))
    ]


def _claims(table: pd.DataFrame) -> list[dict]:
    """A fact for each claim; its large number is by the last statistic, SRCC within references: what people were asked."""
    rows = table[~table["claim"].str.startswith("...")]
    return [
        {
            "value": f"{mine['as claimed'].iloc[-1]} of {mine['comparisons'].iloc[-1]}",
            "text": claim,
            "more": "comparisons as claimed; "
            + "; ".join(
                f"{row['statistic']}: {row['as claimed']} as claimed, {row['undecided']} undecided, {row['against']} against"
                for _, row in mine[::-1].iterrows()
            ),
        }
        for claim, mine in rows.groupby("claim", sort=False)
    ]


def _layers(table: pd.DataFrame) -> list[dict]:
    rows = table[(table["features"] == "sum of layers") & table["backbone"].str.startswith("DINOv2")]
    return [
        {
            "value": row["minus final, within"].split()[0],
            "text": f"SRCC within references (mean), sum of layers minus final features: {row['backbone']}, {row['distance']}",
            "more": f"95 % interval {row['minus final, within'].partition(' ')[2]}; over all images {row['minus final']}; "
            f"{row['n']} LIVE images of {row['references']} references",
        }
        for _, row in rows.iterrows()
    ]


def key_figures(items) -> list:
    known = {item.name: item for item in items}
    return [known[name] for name in KEY if name in known]


def agreement(items) -> str:
    """Page that says which layers agree with people."""
    known = {item.name: item.page for item in items}
    return known.get("fig04_layerwise_live_5refs", "figures.html")
