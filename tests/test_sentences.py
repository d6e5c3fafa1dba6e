"""What README, notebooks, captions and tables say: no statement without its statistic, none that a test did not pass."""

import json
import re

import pytest

from fmiqa_core.files import paths

FOLDERS = ("notebooks/*.ipynb", "figures/*.json", "figures/*.md", "README.md", "data/*/README.md")
FILES = sorted(file for pattern in FOLDERS for file in paths.home().glob(pattern))
NEVER = (  # says more than a test that found nothing, or what no test was made for
    r"not (significantly )?different",
    r"no (significant )?difference (between|in)",
    r"(is|are|was|were) level with",
    r"(as good|robust) as (the|any)",
    r"cannot be told (from|apart)",
    r"(statistically|significantly) (better|worse|equal)",
    r"supported in part",
    r"percentile intervals?",
    r"bootstrap over references",
    r"tend to be too narrow",
    r"(^|\W)(proves?|proven)(\W|$)",
)
STATISTIC = re.compile(
    r"pooled|over all images|within (references|each|the type)|between (distances|the two)|raw|as tab\d\d_claims"
)


def sentences(file) -> str:
    """All words of a file that a reader sees: of a notebook its prose, code and text outputs, of provenance its caption."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        return json.loads(text)["caption"]
    if file.suffix != ".ipynb":
        return text
    out = []
    for cell in json.loads(text)["cells"]:
        out.append("".join(cell["source"]))
        for output in cell.get("outputs", ()):
            out.append("".join(output.get("text", "")))
            out += ["".join(words) for kind, words in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(out)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name if "notebooks" in file.parts else file.stem)
def test_nothing_is_said_that_no_test_has_shown(file):
    said = " ".join(sentences(file).split())
    found = [match[0] for pattern in NEVER for match in re.finditer(pattern, said, re.IGNORECASE)]
    assert not found


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".json"], ids=lambda file: file.stem)
def test_captions_name_their_statistic_and_their_intervals(file):
    caption = sentences(file)
    if re.search(r"\bSRCC\b|\bagreement\b", caption):
        assert STATISTIC.search(caption), caption
    if "interval" in caption:
        assert "t over references" in caption or "tab05_main" in caption, caption


def test_what_is_forbidden_would_be_found():
    for text in ("A is not significantly different from B", "A is level with B", "with percentile intervals", "A proves that"):
        assert any(re.search(pattern, text, re.IGNORECASE) for pattern in NEVER)
