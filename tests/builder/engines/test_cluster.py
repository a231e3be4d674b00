"""Builds on a cluster: what is submitted, what is waited for, and what an array that is cut short leads to.

Slurm's commands are stand-ins here, shell scripts that keep the queue in a file; a real cluster is in test_cluster_builds.py.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from spatialmosaic_builder import progress, running
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.engines import cluster, make_engine, slurm_queue
from spatialmosaic_builder.engines.cluster import SlurmArrays
from spatialmosaic_builder.errors import BuildError
from spatialmosaic_builder.pipeline import build, work_folder
from spatialmosaic_builder.progress import Outcome
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.scan_job import ScanJob, ScanResult

SCENES = ("a", "b", "c")
KEY = "0123456789abcdef"
OPTIONS = {"partition": "cpu", "time": "01:00:00"}

COMMANDS = {
    # The last argument is the script. What lies in results/N is what the tasks of the N-th array leave.
    "sbatch": """
        for script; do :; done
        n=$(ls scripts | wc -l); cp "$script" "scripts/$n"; echo "$@" >> sbatch.calls; env > "sbatch.env.$n"
        [ -e refuse ] && echo 'sbatch: error: invalid partition specified' >&2 && exit 1
        [ -d "results/$n" ] && cp "results/$n"/* outcomes/
        [ -d "marks/$n" ] && cp "marks/$n"/* running/
        [ -e stays ] && sed -n 's/^#SBATCH --job-name=/PENDING /p' "$script" >> queue
        echo "Submitted batch job $n"
    """,
    "squeue": "[ -e silent ] && rm silent && exit 1; cat queue",
    "scancel": 'echo "$@" >> scancel.calls; : > queue',
    "scontrol": "echo 'MaxArraySize            = 1001'",
}


@dataclass(frozen=True)
class Cluster:
    """Stand-ins for Slurm's commands, and the work folder of a build of three scans."""

    folder: Path
    work: Path
    jobs: list[ScanJob]
    option_file: Path

    def engine(self, **options: object) -> SlurmArrays:
        self.option_file.write_text(yaml.safe_dump(OPTIONS | options))
        return SlurmArrays.start(self.work, KEY, self.option_file)

    def results(self, array: int, *scenes: str) -> None:
        """Let the tasks of an array finish some scans."""
        folder = self.folder / "results" / str(array)
        folder.mkdir(parents=True)
        for scene in scenes:
            outcome = {"scene_name": scene, "seconds": 1.0, "failure": None, "log": None}
            (folder / f"{scene}.json").write_text(json.dumps(outcome))

    def begins(self, array: int, scene: str, log: str | None) -> None:
        """Let the task of an array begin a scan, and die."""
        folder = self.folder / "marks" / str(array)
        folder.mkdir(parents=True)
        with running.mark(self.work, "paper", scene, Path(log) if log else None):
            shutil.copy(self.work / "running/paper" / f"{scene}.json", folder)

    def queue(self, *names: str, state: str = "RUNNING") -> None:
        (self.folder / "queue").write_text("".join(f"{state} {name}\n" for name in names))

    @property
    def scripts(self) -> list[str]:
        """The scripts that were submitted."""
        return [path.read_text() for path in sorted((self.folder / "scripts").iterdir())]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    folder, work = tmp_path / "slurm", tmp_path / "out.work"
    (folder / "scripts").mkdir(parents=True)
    (folder / "queue").touch()
    progress.start(work_of(work), "paper", {"train": list(SCENES)}, KEY, 3, dict.fromkeys(SCENES, 1))
    (folder / "outcomes").symlink_to(work / "outcomes" / "paper")
    (work / "running" / "paper").mkdir(parents=True)
    (folder / "running").symlink_to(work / "running" / "paper")
    for name, body in COMMANDS.items():
        (folder / name).write_text(f"#!/bin/sh\ncd {folder}\n{body}")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(cluster, "_POLL_S", 0.01)
    monkeypatch.setattr(cluster, "_SETTLE_S", 0.0)
    monkeypatch.setattr(cluster, "find_result", found)
    return Cluster(folder, work, [job(work, scene) for scene in SCENES], tmp_path / "engine.yaml")


def work_of(work: Path) -> Path:
    work.mkdir()
    return work


def job(work: Path, scene: str) -> ScanJob:
    return ScanJob(work, scene, "iphone", work, work, "paper", VisibilityRules(), "numba", share=1, seed=0)


def found(scan: ScanJob) -> ScanResult | None:
    """Stand-in for the look at the shards: what has an outcome is done."""
    outcome = progress.read_outcome(scan.work, scan.profile, scan.scene_name)
    return ScanResult(scan.scene_name, outcome.failure) if outcome else None


def directives(script: str) -> dict[str, str]:
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", script, re.MULTILINE))


class TestSubmission:
    def test_the_script_carries_the_options_and_nothing_that_a_cluster_may_not_have(self, slurm):
        slurm.results(0, *SCENES)
        list(slurm.engine(workers=2, cpus_per_task=3, sbatch_args={"account": "vision"}).run(slurm.jobs))
        (script,) = slurm.scripts
        given = directives(script)
        assert given["array"] == "0-2%2"
        assert (given["partition"], given["time"], given["cpus-per-task"]) == ("cpu", "01:00:00", "3")
        assert (given["account"], given["mem-per-cpu"]) == ("vision", "4G")
        assert "qos" not in given
        assert f"export PATH={Path(sys.executable).parent}:$PATH" in script
        assert "launch_pickled_pipeline" in script

    def test_an_environment_of_ones_own_takes_the_place_of_this_one(self, slurm):
        slurm.results(0, *SCENES)
        list(slurm.engine(env_command="source /venv/bin/activate").run(slurm.jobs))
        assert "source /venv/bin/activate" in slurm.scripts[0]
        assert "export PATH=" not in slurm.scripts[0]

    def test_no_job_is_left_that_waits_for_the_array_to_succeed(self, slurm):
        slurm.results(0, *SCENES)
        list(slurm.engine().run(slurm.jobs))
        assert "dependency" not in (slurm.folder / "sbatch.calls").read_text()
        assert len(slurm.scripts) == 1

    def test_more_scans_than_an_array_may_have_become_two(self, slurm):
        (slurm.folder / "scontrol").write_text("#!/bin/sh\necho 'MaxArraySize            = 2'\n")
        slurm.results(1, *SCENES)
        list(slurm.engine().run(slurm.jobs))
        assert [directives(script)["array"] for script in slurm.scripts] == ["0-1", "0-1"]
        assert "RUN_OFFSET=1" in (slurm.folder / "sbatch.calls").read_text().splitlines()[1]

    def test_scans_that_are_done_are_not_submitted(self, slurm):
        progress.note(slurm.work, "paper", Outcome("b", 1.0, None))
        slurm.results(0, "a", "c")
        assert {result.scene_name for result in slurm.engine().run(slurm.jobs)} == set(SCENES)
        assert directives(slurm.scripts[0])["array"] == "0-1"
        assert json.loads(next(slurm.work.glob("engine/*/ranks_to_run.json")).read_text()) == [0, 2]

    def test_nothing_is_submitted_where_all_is_done(self, slurm):
        for scene in SCENES:
            progress.note(slurm.work, "paper", Outcome(scene, 1.0, None))
        assert len(list(slurm.engine().run(slurm.jobs))) == 3
        assert slurm.scripts == []

    def test_the_limits_of_the_job_that_it_runs_in_are_not_passed_on(self, slurm, monkeypatch):
        for name in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_MEM_PER_NODE", "SLURM_CONF"):
            monkeypatch.setenv(name, "1")
        slurm.results(0, *SCENES)
        list(slurm.engine().run(slurm.jobs))
        passed = (slurm.folder / "sbatch.env.0").read_text()
        assert re.findall(r"^(SLURM_\w+)=", passed, re.MULTILINE) == ["SLURM_CONF"]

    def test_a_refusal_names_the_script(self, slurm):
        (slurm.folder / "refuse").touch()
        with pytest.raises(BuildError, match=r"sbatch refused .*launch_script.slurm"):
            list(slurm.engine().run(slurm.jobs))


class TestRounds:
    def test_what_an_array_leaves_undone_is_submitted_again_alone(self, slurm):
        slurm.results(0, "a", "c")
        slurm.results(1, "b")
        results = list(slurm.engine(tasks_per_job=3).run(slurm.jobs))
        assert [result.scene_name for result in results] == ["a", "c", "b"]
        assert [directives(script)["array"] for script in slurm.scripts] == ["0-0", "0-0"]
        assert json.loads(next(slurm.work.glob("engine/*/ranks_to_run.json")).read_text()) == [1]
        assert json.loads(next(slurm.work.glob("engine/*/executor.json")).read_text())["tasks_per_job"] == 1

    def test_after_three_arrays_a_scan_is_set_aside_with_its_log(self, slurm):
        slurm.results(0, "a", "b")
        slurm.begins(0, "c", "/logs/7_2.out")
        *_, last = slurm.engine().run(slurm.jobs)
        assert len(slurm.scripts) == 3
        assert last.failure.reason == "worker died"
        assert last.failure.detail == "its task ended 3 times without a result; see /logs/7_2.out."
        assert progress.read_outcomes(slurm.work, "paper")["c"].failure == last.failure

    def test_a_task_that_never_began_points_to_the_folder_of_logs(self, slurm):
        slurm.results(0, "a", "b")
        *_, last = slurm.engine().run(slurm.jobs)
        assert last.failure.detail.endswith("/slurm_logs.")

    @pytest.mark.parametrize("is_marked", [False, True])
    def test_where_no_task_begins_one_array_is_enough(self, slurm, is_marked):
        if is_marked:  # by a build that died long ago
            slurm.begins(0, "a", "/logs/1_1.out")
            (slurm.folder / "marks" / "0" / "a.json").rename(slurm.work / "running/paper/a.json")
        with pytest.raises(BuildError, match=r"No task of the array came as far as its scan; see .*/slurm_logs\."):
            list(slurm.engine().run(slurm.jobs))
        assert len(slurm.scripts) == 1

    def test_a_silent_queue_is_no_empty_queue(self, slurm):
        slurm.results(0, "a", "b")
        engine = slurm.engine()
        (slurm.folder / "stays").touch()
        run = engine.run(slurm.jobs)
        assert {next(run).scene_name, next(run).scene_name} == {"a", "b"}
        (slurm.folder / "silent").touch()
        progress.note(slurm.work, "paper", Outcome("c", 1.0, None))
        assert next(run).scene_name == "c"
        assert len(slurm.scripts) == 1


class TestAttaching:
    def test_an_array_that_runs_already_is_waited_for(self, slurm):
        slurm.queue("somebody-elses", slurm_queue.array_name(slurm.work, KEY))
        engine = slurm.engine()
        assert engine.is_at_work
        for scene in SCENES:
            progress.note(slurm.work, "paper", Outcome(scene, 1.0, None))
        assert len(list(engine.run(slurm.jobs))) == 3
        assert slurm.scripts == []

    def test_what_is_completing_is_over(self, slurm):
        slurm.queue(slurm_queue.array_name(slurm.work, KEY), state="COMPLETING")
        assert not slurm.engine().is_at_work

    def test_it_counts_as_one_of_the_three(self, slurm):
        slurm.queue(slurm_queue.array_name(slurm.work, KEY))
        engine = slurm.engine()
        slurm.queue()
        with running.mark(slurm.work, "paper", "a", None):
            assert all(result.failure for result in engine.run(slurm.jobs))
        assert len(slurm.scripts) == 2

    def test_who_gives_up_leaves_no_array_behind(self, slurm):
        slurm.results(0, "a")
        (slurm.folder / "stays").touch()
        run = slurm.engine().run(slurm.jobs)
        next(run)
        with pytest.raises(KeyboardInterrupt):
            run.throw(KeyboardInterrupt)
        assert (slurm.folder / "scancel.calls").read_text() == f"--name={slurm_queue.array_name(slurm.work, KEY)}\n"

    @pytest.mark.parametrize("engine", ["local", "slurm"])
    def test_the_array_of_another_configuration_is_not_disturbed(self, slurm, engine, sample_root, tmp_path):
        config = BuildConfig(sample_root, tmp_path / "out", size="60", num_proc=1)
        if engine == "slurm":
            slurm.option_file.write_text(yaml.safe_dump(OPTIONS))
            config = replace(config, engine="slurm", engine_options=slurm.option_file)
        slurm.queue(other := slurm_queue.array_name(work_folder(config.out), "another"))
        with pytest.raises(BuildError, match=f"{other} of an earlier build still writes.*scancel"):
            build(config)


class TestRefusals:
    def config(self, tmp_path: Path) -> BuildConfig:
        return BuildConfig(tmp_path, tmp_path / "out", engine="slurm", engine_options=tmp_path / "engine.yaml")

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("partition: cpu", "missing 1 required positional argument: 'time'"),
            ("{partition: cpu, time: '1', queue: long}", "unexpected keyword argument 'queue'"),
            ("{partition: cpu, time: '1', tasks: 3}", "tasks is set by the build"),
            ("partition cpu", "holds no options"),
            ("partition: [", "cannot be read"),
        ],
    )
    def test_options_that_do_not_fit_are_named_with_their_file(self, slurm, tmp_path, text, complaint):
        slurm.option_file.write_text(text)
        with pytest.raises(BuildError, match=re.escape(complaint)) as caught:
            make_engine(self.config(tmp_path), slurm.work, KEY)
        assert str(slurm.option_file) in str(caught.value)

    def test_a_file_of_options_that_is_not_there(self, slurm, tmp_path):
        with pytest.raises(BuildError, match=r"engine.yaml cannot be read"):
            make_engine(self.config(tmp_path), slurm.work, KEY)

    def test_without_slurm_it_names_the_command(self, slurm, tmp_path, monkeypatch):
        (slurm.folder / "scancel").unlink()
        monkeypatch.setenv("PATH", str(slurm.folder))
        with pytest.raises(BuildError, match="needs Slurm's scancel on the PATH"):
            make_engine(self.config(tmp_path), slurm.work, KEY)

    def test_without_the_extra_it_names_it(self, slurm, tmp_path, monkeypatch):
        monkeypatch.delitem(sys.modules, "spatialmosaic_builder.engines.cluster")
        monkeypatch.setitem(sys.modules, "datatrove.executor.slurm", None)
        with pytest.raises(BuildError, match=r"pip install 'spatialmosaic\[cluster\]'"):
            make_engine(self.config(tmp_path), slurm.work, KEY)

    def test_a_queue_that_does_not_answer(self, slurm):
        (slurm.folder / "silent").touch()
        with pytest.raises(BuildError, match="squeue does not answer"):
            slurm.engine()


def test_the_records_do_not_depend_on_the_engine(tmp_path):
    local = BuildConfig(tmp_path)
    assert replace(local, engine="slurm", engine_options=tmp_path / "engine.yaml").identity() == local.identity()


@pytest.mark.parametrize("change", [{"engine": "slurm"}, {"engine_options": Path("engine.yaml")}])
def test_a_cluster_and_its_options_go_together(tmp_path, change):
    with pytest.raises(ValueError, match="go together"):
        replace(BuildConfig(tmp_path), **change).check()
