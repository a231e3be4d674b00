"""What an installation holds: every folder of code, all of its data, and no name without the project's prefix."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
HEAVY = {"cv2", "datasets", "matplotlib", "numba", "torch", "transformers", "trimesh"}

NAMES_FROM_ELSEWHERE = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""
INSTALLED = """
import importlib, importlib.metadata, json, sys
modules = [importlib.import_module(name) for name in sys.argv[1:]]
print(json.dumps({
    "version": importlib.metadata.version("spatialmosaic"),
    "declared": importlib.import_module("spatialmosaic_builder").__version__,
    "files": [module.__file__ for module in modules],
}))
"""
DATA_FILES = """
import json
from importlib.resources import files
wanted = {
    "spatialmosaic_builder": ["html_report/page.html.jinja", "py.typed"],
    "spatialmosaic_eval": ["report/page.html.jinja", "spatialmosaic_accuracy/README.md"],
    "spatialmosaic_hub_cards": ["dataset_card.md", "model_card.md"],
    "spatialmosaic_vlm": ["recipes/tiny_cpu.yaml", "recipes/spatialmosaic_7b.yaml", "recipes/accelerate/zero2.yaml"],
}
print(json.dumps([f"{p}/{name}" for p, names in wanted.items() for name in names if not (files(p) / name).read_bytes()
    and not name.endswith("py.typed")]))
"""
HELP = """
import contextlib, importlib.metadata, io, json, sys
(command,) = importlib.metadata.entry_points(group="console_scripts", name=sys.argv[1])
sys.argv[1:] = ["--help"]
screen, status = io.StringIO(), None
with contextlib.redirect_stdout(screen):
    try:
        command.load()()
    except SystemExit as end:
        status = end.code
print(json.dumps({"status": status, "screen": screen.getvalue(), "modules": list(sys.modules)}))
"""


def package_folders() -> dict[str, str]:
    """Import name -> folder of every top-level package, as `setup.cfg` maps them."""
    lines = setup_cfg()["options"]["package_dir"].split("\n")
    return dict((part.strip() for part in line.split("=")) for line in lines if line.strip())


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def files_by_installed_name(root: Path) -> dict[str, Path]:
    """Path inside an installation -> file in the tree, for every file of every package folder."""
    return {
        f"{name}/{file.relative_to(root / folder).as_posix()}": file
        for name, folder in package_folders().items()
        for file in sorted((root / folder).rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of a copy of the tree, and the wheel that was built from the sdist."""
    base = tmp_path_factory.mktemp("packaging")
    source = base / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for folder in package_folders().values():
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", base, source, cwd=base)
    return base


@pytest.fixture(scope="module")
def wheel(release: Path) -> Path:
    (wheel,) = release.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def site(wheel: Path) -> Path:
    """A folder into which the wheel was installed."""
    site = wheel.parent / "site"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", site, wheel, cwd=wheel.parent)
    return site


@pytest.fixture(scope="module")
def metadata(site: Path) -> Path:
    (folder,) = site.glob("*.dist-info")
    return folder


def test_setup_cfg_lists_every_folder_of_code() -> None:
    folders = package_folders()
    top_level = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert set(folders.values()) == top_level, "package_dir in setup.cfg and the folders with __init__.py differ"
    on_disk = {Path(name).parent.as_posix() for name in files_by_installed_name(ROOT) if name.endswith("/__init__.py")}
    listed = setup_cfg()["options"]["packages"].split()
    assert sorted(listed) == sorted(name.replace("/", ".") for name in on_disk)


def test_every_module_lies_in_a_package() -> None:
    files = files_by_installed_name(ROOT).values()
    assert {file.parent for file in files if file.suffix == ".py"} == {
        f.parent for f in files if f.name == "__init__.py"
    }


def test_the_wheel_ships_every_file_of_the_packages(site: Path) -> None:
    shipped = {path.relative_to(site).as_posix() for path in site.glob("spatialmosaic_*/**/*") if path.is_file()}
    assert {name for name in shipped if "__pycache__" not in name} == set(files_by_installed_name(ROOT))


def test_the_release_has_its_version(release: Path, wheel: Path) -> None:
    version = PROJECT["version"]
    assert wheel.name == f"spatialmosaic-{version}-py3-none-any.whl"
    assert [path.name for path in release.glob("*.tar.gz")] == [f"spatialmosaic-{version}.tar.gz"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_ci_elsewhere_runs_what_ci_runs_here() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]


def test_a_fresh_environment_runs_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The libraries are lent by this environment; the project itself is there by its wheel alone."""
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "fresh", cwd=tmp_path)
    python = tmp_path / "fresh/bin/python"
    lend = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    (Path(lend) / "lent.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    run(sys.executable, "-m", "pip", f"--python={python}", "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    answer = json.loads(run(python, "-c", INSTALLED, *package_folders(), cwd=tmp_path))
    assert all(Path(file).is_relative_to(tmp_path / "fresh") for file in answer["files"])
    assert json.loads(run(python, "-c", DATA_FILES, cwd=tmp_path)) == []
    assert "DIR REPO" in run(tmp_path / "fresh/bin/spatialmosaic", "push", "--help", cwd=tmp_path)


def test_only_prefixed_names_are_installed(metadata: Path) -> None:
    assert set((metadata / "top_level.txt").read_text(encoding="utf-8").split()) == set(package_folders())
    assert all(name.startswith("spatialmosaic_") for name in package_folders())


def test_the_license_travels(metadata: Path) -> None:
    assert (metadata / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("installation", ["wheel", "editable"])
def test_no_generic_name_can_be_imported(installation: str, site: Path, tmp_path: Path) -> None:
    path = {"PYTHONPATH": str(site)} if installation == "wheel" else {}
    generic = ["builder", "eval", "hub_cards"]
    found = json.loads(
        run(sys.executable, "-c", NAMES_FROM_ELSEWHERE, *generic, *package_folders(), cwd=tmp_path, **path)
    )
    assert found == list(package_folders())


def test_the_wheel_imports_outside_the_tree_and_knows_its_version(site: Path, tmp_path: Path) -> None:
    answer = json.loads(run(sys.executable, "-c", INSTALLED, *package_folders(), cwd=tmp_path, PYTHONPATH=str(site)))
    assert all(Path(file).is_relative_to(site) for file in answer["files"])
    assert answer["version"] == answer["declared"] == PROJECT["version"]


@pytest.mark.parametrize(
    ("command", "word"),
    [("spatialmosaic", "build"), ("spatialmosaic-convert", "--geometry"), ("spatialmosaic-eval", "report")],
)
def test_a_command_answers_help_without_heavy_imports(command: str, word: str, site: Path, tmp_path: Path) -> None:
    answer = json.loads(run(sys.executable, "-c", HELP, command, cwd=tmp_path, PYTHONPATH=str(site)))
    assert answer["status"] in (0, None)
    assert word in answer["screen"]
    assert not HEAVY & set(answer["modules"])


def test_the_command_is_installed(site: Path, tmp_path: Path) -> None:
    assert "build" in run(site / "bin" / "spatialmosaic", "--help", cwd=tmp_path, PYTHONPATH=str(site))


def test_ci_pins_every_dependency_within_its_bounds() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    version = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    extras = [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    asked = [Requirement(text) for text in PROJECT["dependencies"] + extras]
    asked = [item for item in asked if item.name != PROJECT["name"]]
    unpinned = [str(item) for item in asked if canonicalize_name(item.name) not in version]
    assert not unpinned, f"add to constraints.txt the version that CI runs of {unpinned}"
    outside = [str(item) for item in asked if not item.specifier.contains(version[canonicalize_name(item.name)])]
    assert not outside, f"constraints.txt pins versions outside the bounds {outside} of pyproject.toml"
