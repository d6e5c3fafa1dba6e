"""The gallery as files: built from the committed figures and notebooks, whole, self-contained, the same every time."""

import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
from bs4 import BeautifulSoup
from PIL import Image

from fmiqa_core import Metric
from fmiqa_core.data import demo
from fmiqa_core.files import paths
from fmiqa_core.site import build, citing, items, pages, pixels, titles
from fmiqa_core.site import explorer as gallery_explorer
from fmiqa_core.site import maps as gallery_maps

REPOSITORY = Path(__file__).resolve().parent.parent
ONE = ("chelsea",)  # one photograph in the explorer, where its number does not matter


def committed(home: Path) -> Path:
    """A home with the figures, tables, notebooks and citation of the repository."""
    shutil.copytree(REPOSITORY / "notebooks", home / "notebooks")
    shutil.copy(REPOSITORY / "CITATION.cff", home)
    shutil.copytree(REPOSITORY / "figures", home / "figures", ignore=shutil.ignore_patterns("site", "executed", ".*"))
    return home


@pytest.fixture(scope="module")
def site(tmp_path_factory, dinov2) -> Path:
    """The site, built once."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("gallery")
        patch.setenv("FMIQA_HOME", str(committed(home)))
        patch.setenv("FMIQA_DATA", str(REPOSITORY / "data"))
        return build.build(photographs=ONE)


def soups(site: Path) -> dict[str, BeautifulSoup]:
    files = sorted(site.rglob("*.html"))
    return {f.relative_to(site).as_posix(): BeautifulSoup(f.read_text(encoding="utf-8"), "html.parser") for f in files}


@pytest.fixture(scope="module")
def read(site) -> dict[str, BeautifulSoup]:
    return soups(site)


def test_has_every_figure_table_and_notebook(site):
    named = {f.stem for f in REPOSITORY.glob("figures/*.json")}
    assert len(named) > 50
    shown = {f.stem for folder in ("figures", "tables") for f in site.glob(f"{folder}/*.html")}
    assert shown == named
    books = {f.stem for f in REPOSITORY.glob("notebooks/[0-9][0-9]_*.ipynb")}
    assert {f.stem for f in site.glob("notebooks/*.html")} == books


def test_links_and_anchors_resolve(site, read):
    for page, soup in read.items():
        for tag in soup.find_all(["a", "img", "script", "link"]):
            target = tag.get("href") or tag.get("src")
            if not target or urlsplit(target).scheme:
                continue
            path, anchor = unquote(target.partition("#")[0]), unquote(target.partition("#")[2])
            file = (site / page).parent / path if path else site / page
            assert file.is_file(), f"{page}: {target}"
            if anchor:
                assert read[file.resolve().relative_to(site.resolve()).as_posix()].find(id=anchor), f"{page}: {target}"


def test_nothing_is_loaded_from_elsewhere(site, read):
    for page, soup in read.items():
        loads = [tag.get("src") or tag.get("href") for tag in soup.find_all(["img", "script", "link", "iframe", "source"])]
        assert loads, page
        assert not [target for target in loads if target and urlsplit(target).scheme not in ("", "data")], page
    for file in [*site.rglob("*.css"), *site.rglob("*.js")]:
        assert not re.search(r"url\(|@import|https?://", file.read_text(encoding="utf-8")), file


def test_pages_are_sound(read):
    for page, soup in read.items():
        ids = [tag["id"] for tag in soup.find_all(id=True)]
        assert len(ids) == len(set(ids)), page
        assert len(soup.find_all("h1")) == 1, page
        assert all(tag.has_attr("alt") for tag in soup.find_all("img")), page
        assert soup.title.string.strip().endswith("fmiqa"), page


def test_size(site):
    """Each figure lies there as PNG, SVG and PDF, to be taken from a copy without the repository; a list loads none of them.

    With all five photographs the explorer is five times as large as here.
    """
    sizes = {f: f.stat().st_size for f in site.rglob("*") if f.is_file()}
    explorer = sum(size for f, size in sizes.items() if f.parent.name == "explorer")
    assert explorer > 100_000
    assert sum(sizes.values()) + explorer * (len(demo.PHOTOGRAPHS) - 1) < 30e6
    assert sum(size for f, size in sizes.items() if f.parent.name == "small") < 1e6  # all thumbnails of the list of figures


def test_same_bytes_again(site, tmp_path, monkeypatch):
    monkeypatch.setenv("FMIQA_HOME", str(site.parent.parent))
    again = build.build(tmp_path / "again", photographs=ONE)
    files = {f.relative_to(site) for f in site.rglob("*") if f.is_file()}
    assert files == {f.relative_to(again) for f in again.rglob("*") if f.is_file()}
    assert [f for f in files if (site / f).read_bytes() != (again / f).read_bytes()] == []


def test_figure_page_has_what_one_needs(site, read):
    soup = read["figures/fig04_layerwise_live_5refs.html"]
    provenance = json.loads((REPOSITORY / "figures/fig04_layerwise_live_5refs.json").read_text(encoding="utf-8"))
    text = soup.get_text()
    assert provenance["caption"] in text
    for name, sha256 in provenance["inputs"].items():
        assert name in text
        assert sha256 in text
    assert all(cite in text for cite in provenance["cite"])
    assert "@inproceedings{ghildyal2025foundation" in soup.find(id="bibtex").get_text()
    assert "sheikh_live2" in soup.find(id="bibtex").get_text()
    assert (site / "figures/fig04_layerwise_live_5refs.csv").read_bytes() == (
        REPOSITORY / "figures/fig04_layerwise_live_5refs.csv"
    ).read_bytes()


def test_pictures_are_those_of_the_figures(site):
    """As PNG, SVG and PDF, where they are here, the same bytes; small ones are the whole picture, seen from further away."""
    for file in REPOSITORY.glob("figures/fig*.png"):
        for ending in ("png", "svg", "pdf"):
            name = f"{file.stem}.{ending}"
            if not (REPOSITORY / "figures" / name).is_file():
                assert file.stem.startswith(("fig00_", "fig01_", "fig10_")), name  # photographs are committed as PNG alone
                continue
            assert (site / "figures" / name).read_bytes() == (REPOSITORY / "figures" / name).read_bytes(), name
        small, drawn = Image.open(site / f"figures/small/{file.stem}.webp"), Image.open(file).convert("RGB")
        assert small.width / small.height == pytest.approx(drawn.width / drawn.height, rel=0.02), file.name
        far, also = (np.asarray(one.convert("RGB").resize((16, 16), Image.Resampling.BOX), float) for one in (drawn, small))
        assert np.abs(far - also).max() < 16, file.name  # of 255: whole ones differ by 10 at most, by 24 without a tenth


def test_titles_are_distinct(read):
    for kind in ("figures", "tables"):
        names = [tag.get_text() for tag in read[f"{kind}.html"].select(".card .title")]
        assert len(names) == len(set(names)) > 20, kind
    heads = [soup.title.get_text() for soup in read.values()]
    assert len(heads) == len(set(heads))
    captions = {
        "fig05_main": "SRCC. A",
        "fig05_main_own": "SRCC. B",
        "mine": "SRCC. C",
        "fig07_live": "x",
        "fig07_live_5refs": "x",
    }
    assert len(set(titles.distinct(captions).values())) == len(captions)


def test_downloads_are_offered(site, read):
    for name, wanted in {"figures/fig05_main": "png svg pdf csv json", "tables/tab05_main": "csv md tex json"}.items():
        links = [tag["href"] for tag in read[f"{name}.html"].select(".downloads a")]
        stem = name.partition("/")[2]
        assert links == [f"{stem}.{ending}" for ending in wanted.split()]


def test_links_lead_to_paper_and_repository(read, home):
    links = dict(citing.links())
    for page in ("index.html", "figures/fig05_main.html"):
        found = {tag["href"] for tag in read[page].find_all("a", href=True)}
        assert "https://arxiv.org/abs/2409.07650" in found, page
        assert "https://github.com/abhijay9/ZS-IQA" in found, page
    assert list(links) == ["The authors' code and scores"]  # a home without CITATION.cff
    cff = (REPOSITORY / "CITATION.cff").read_text(encoding="utf-8")
    named = 'repository-code: "https://example.org/fmiqa"\ndoi: 10.5281/zenodo.1\n'
    home.mkdir(exist_ok=True)
    (home / "CITATION.cff").write_text(named + cff, encoding="utf-8")
    links = dict(citing.links())
    assert links["Repository"] == "https://example.org/fmiqa"
    assert links["Paper"] == "https://arxiv.org/abs/2409.07650"
    assert links["Archive"] == "https://doi.org/10.5281/zenodo.1"


def test_copied_code_makes_the_figure(site, read, tmp_path, monkeypatch, ran):
    """Shell and Python code of a page, run as they stand on it."""
    soup = read["figures/fig04_layerwise_live_5refs.html"]
    monkeypatch.chdir(tmp_path)
    exec(compile(soup.find(id="python").get_text(), "page", "exec"), {})
    first = tmp_path / "fig04_layerwise_live_5refs.pdf"
    assert first.read_bytes().startswith(b"%PDF")
    first.unlink()
    line = soup.find(id="shell").get_text().splitlines()[0]
    status, _, err = ran(*line.split()[1:])
    assert status == 0, err
    assert first.read_bytes().startswith(b"%PDF")


def test_code_passes_on_what_differs_from_the_notebook(read):
    assert "-p datasets live" in read["tables/tab03_correlations_live.html"].find(id="shell").get_text()
    assert "-p" not in read["tables/tab03_correlations_demo.html"].find(id="shell").get_text()


def test_demo_data_is_named_as_such(read):
    for name, soup in read.items():
        if "_demo.html" in name or name in ("index.html", "explorer.html"):
            assert "severity ranks, not human scores" in soup.get_text().lower(), name


def test_tables_hold_the_marks(read):
    table = read["tables/tab05_main.html"].find("table", class_="sortable")
    assert table.find("strong")
    assert table.find("u")
    assert "**" not in table.get_text()
    assert all(head.find("button") for head in table.thead.find_all("th"))


def test_maps_are_those_of_the_metric(dinov2, demo_home):
    maps = gallery_maps.load("chelsea")
    pair = gallery_explorer._pairs().index(("jpeg", 4))
    for d, distance in enumerate(gallery_maps.DISTANCES):
        files = (demo_home / "data/demo" / name for name in ("ref/chelsea.png", "jpeg/chelsea_4.png"))
        score = Metric(dinov2, distance, device="cpu")(*files, map="layers")
        assert maps.scores[d, pair] == pytest.approx(score.score, rel=1e-4)
        assert maps.layers[d, pair] == pytest.approx(score.per_layer.numpy(), rel=1e-3)
        coarse = score.map.reshape(-1, 32, 8, 32, 8).mean((2, 4)).numpy()
        assert maps.maps[d, pair, :-1] == pytest.approx(coarse, rel=1e-3, abs=1e-6)


def test_maps_of_other_images_are_not_taken(dinov2, demo_home, monkeypatch):
    monkeypatch.delenv("FMIQA_DATA")
    kept = gallery_maps._key(demo_home / "data/demo", "chelsea")
    Image.new("RGB", (256, 256)).save(demo_home / "data/demo/blur/chelsea_1.png")
    assert gallery_maps._key(demo_home / "data/demo", "chelsea") != kept


def test_pixels_that_are_not_ours_are_left_out(home):
    """Of figures of LIVE that show images the page has no picture; executed notebooks that show them stay away."""
    committed(home)
    for ending in ("png", "json", "csv", "pdf", "svg"):
        for name in ("fig01_maps", "fig10_own_pair"):
            if ending in ("pdf", "svg"):  # made by a run, not committed
                (home / f"figures/{name}_demo.{ending}").touch()
            shutil.copy(home / f"figures/{name}_demo.{ending}", home / f"figures/{name}_live.{ending}")
        shutil.copy(home / f"figures/fig10_own_pair_demo.{ending}", home / f"figures/fig10_own_pair_mine.{ending}")
    of_live = home / "figures/fig10_own_pair_mine.json"  # under another name; its input gives it away
    about = json.loads(of_live.read_text(encoding="utf-8"))
    of_live.write_text(json.dumps(about | {"inputs": {"gblur/img12.bmp": "0" * 64}}), encoding="utf-8")
    executed = paths.make_folder(home / "figures/executed")
    for name, parameters in {"00_setup_and_data": {"dataset": "live"}, "09_reproduction_report": {"margin": 0.02}}.items():
        book = nbformat.read(home / f"notebooks/{name}.ipynb", as_version=4)
        book.metadata["papermill"] = {"parameters": parameters}
        nbformat.write(book, executed / f"{name}.ipynb")
    found = {item.name: item for item in items.listing()}
    for name in ("fig01_maps_live", "fig10_own_pair_live", "fig10_own_pair_mine"):
        assert "pixels of LIVE" in found[name].reservation
        _, files = build._files_of(found[name])
        assert set(files) == {f"figures/{name}.csv", f"figures/{name}.json"}
    for name in ("fig01_maps_demo", "fig10_own_pair_demo", "fig02_agreement_live"):
        assert not found[name].reservation
    chain = {file.name: file.parent.name for file in pages.chain()}
    assert chain["00_setup_and_data.ipynb"] == "notebooks"
    assert chain["09_reproduction_report.ipynb"] == "executed"
    assert {name.removesuffix("_demo") for name in found if name.startswith(pixels.FIGURES) and name.endswith("_demo")} == {
        *pixels.FIGURES[1:],
        "fig00_data",
    }


def test_explorer_shows_the_demo_photographs_only(site):
    pictures = [file.stem for file in site.glob("explorer/*.webp")]
    assert sorted(pictures) == sorted(["chelsea", *(f"chelsea_{kind}_{n}" for kind in demo.LEVELS for n in range(1, 6))])


def test_refuses_a_folder_of_something_else(home, tmp_path, refused):
    committed(home)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("all of it", encoding="utf-8")
    assert "something else than a gallery" in refused("gallery", "--out", tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").read_text(encoding="utf-8") == "all of it"


def test_refuses_without_figures(home, refused):
    assert "run `fmiqa reproduce` first" in refused("gallery")


def test_a_failure_leaves_the_gallery_of_before(site, tmp_path, monkeypatch):
    monkeypatch.setenv("FMIQA_HOME", str(site.parent.parent))
    out = tmp_path / "site"
    shutil.copytree(site, out)
    monkeypatch.setattr(build, "pages", lambda photographs: {"index.html": b"new", "assets": None})
    with pytest.raises(TypeError):
        build.build(out)
    assert (out / "index.html").read_bytes() == (site / "index.html").read_bytes()
    assert [f.name for f in tmp_path.iterdir()] == ["site"]


# homes that have a part of it


@pytest.fixture
def part(site, tmp_path, monkeypatch):
    """A home with the notebooks and no figure; the explorer's maps are found where `site` has computed them."""
    data = site.parent.parent / "data"
    monkeypatch.setenv("FMIQA_HOME", str(tmp_path))
    monkeypatch.setenv("FMIQA_DATA", f"{data}{os.pathsep}{REPOSITORY / 'data'}")
    shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    (tmp_path / "figures").mkdir()

    def bring(*names):
        for name in names:
            for file in REPOSITORY.glob(f"figures/{name}.*"):
                shutil.copy(file, tmp_path / "figures")
        return tmp_path

    return bring


ALONE = [pytest.param([name], marks=pytest.mark.long) for name in ("fig02_severity_demo", "tab09_claims")]


@pytest.mark.parametrize("names", [*ALONE, ["fig02_severity_demo", "fig05_main"]])
def test_figures_without_tables_and_the_other_way_round(part, names):
    part(*names)
    site = build.build(photographs=ONE)
    assert {f.stem for folder in ("figures", "tables") for f in site.glob(f"{folder}/*.html")} == {*names}
    for page, soup in soups(site).items():
        for tag in soup.find_all("a", href=True):
            path = unquote(urlsplit(tag["href"]).path)
            assert urlsplit(tag["href"]).scheme or not path or ((site / page).parent / path).is_file(), f"{page}: {tag}"


def test_figures_of_notebooks_that_are_not_here_are_left_out(part):
    home = part("fig02_severity_demo", "fig05_main")
    (home / "notebooks" / "05_benchmark_tables.ipynb").unlink()
    assert [f.stem for f in build.build(photographs=ONE).glob("figures/*.html")] == ["fig02_severity_demo"]


def test_own_figures_are_shown_with_their_reservation(part):
    """Of an own dataset, of an own pair, saved under a name of one's own, drawn by `fmiqa figure`; not somebody's JSON."""
    home = part("fig01_profile_demo", "fig03_scores_demo")
    folder = home / "figures"
    for name in ("fig01_profile", "fig03_scores", "fig10_own_pair"):
        for file in REPOSITORY.glob(f"figures/{name}_demo.*"):
            shutil.copy(file, folder / f"{name}_mine{file.suffix}")
    for file in REPOSITORY.glob("figures/fig05_main.*"):
        shutil.copy(file, folder / f"our figure #4{file.suffix}")
    shutil.copy(REPOSITORY / "figures/fig04_layerwise_live_5refs.png", folder / "drawn.png")
    (folder / "settings.json").write_text('{"mine": 1}', encoding="utf-8")
    site = build.build(photographs=ONE)
    names = {f.stem for f in site.glob("figures/*.html")}
    mine = {"fig01_profile_mine", "fig03_scores_mine", "fig10_own_pair_mine", "our figure #4", "drawn"}
    assert names == {"fig01_profile_demo", "fig03_scores_demo", *mine}
    read = soups(site)
    cards = {card.find("code").get_text(): card.get_text() for card in read["figures.html"].select(".card")}
    assert set(cards) == names
    assert "see that you may spread them" in cards["fig10_own_pair_mine"]
    assert "No provenance" in cards["drawn"]
    assert "see that" not in cards["fig01_profile_mine"]
    assert "No provenance" not in cards["our figure #4"]
    for page in ("fig10_own_pair_mine", "our figure #4", "drawn"):
        soup = read[f"figures/{page}.html"]
        assert soup.select_one("figure.shown img"), page
        for tag in soup.select(".downloads a"):
            assert (site / "figures" / unquote(tag["href"])).is_file(), tag
    test_links_and_anchors_resolve(site, read)


def test_what_is_missing_is_one_sentence_before_anything_is_computed(part, refused):
    assert "No figures in figures to show" in refused("gallery")
    home = part("fig02_severity_demo")
    (home / "figures" / "fig02_severity_demo.png").unlink()
    assert "figures has no fig02_severity_demo.png: run `fmiqa reproduce 02`" in refused("gallery")
    for content, why in (("{", "is damaged"), ("{}", "has no caption, fmiqa"), ("3", "is damaged")):
        (home / "figures" / "fig02_severity_demo.json").write_text(content, encoding="utf-8")
        assert f"figures/fig02_severity_demo.json {why}" in refused("gallery")
    shutil.rmtree(part("fig02_severity_demo") / "notebooks")
    assert "No notebooks in notebooks" in refused("gallery")
