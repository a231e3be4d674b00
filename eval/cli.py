"""The command `spatialmosaic-eval`: verbs and nothing else. Heavy imports wait inside the verb."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from .config import LmmsTasksConfig, PushConfig, ReportConfig, RunConfig


def _run(config: RunConfig) -> None:
    from .runner import run

    summary = run(config)
    if int(os.environ.get("RANK", "0")) == 0:  # of several processes, one tells
        print(summary)


def _report(config: ReportConfig) -> None:
    from .report import write_report

    print(write_report(config))


def _push(config: PushConfig) -> None:
    from .push import push

    print(push(config))


def _lmms_tasks(config: LmmsTasksConfig) -> None:
    from .lmms.task_files import write_task_files

    print(write_task_files(config))


_VERBS: dict[type, tuple[str, Callable[[Any], None]]] = {
    RunConfig: ("run", _run),
    ReportConfig: ("report", _report),
    PushConfig: ("push", _push),
    LmmsTasksConfig: ("lmms-tasks", _lmms_tasks),
}


def parse(arguments: Sequence[str] | None = None) -> Any:
    """Read a verb and its options, those of this process by default."""
    configs: dict[str, Callable[..., Any]] = {name: config for config, (name, _) in _VERBS.items()}
    return tyro.extras.subcommand_cli_from_dict(
        configs,
        prog="spatialmosaic-eval",
        description="Score models on SpatialMosaic-Bench and VSTI-Bench.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes,),
    )


def main() -> None:
    """Parse the command line and run its verb; bad input ends with one sentence and exit status 1."""
    config = parse()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    try:
        _VERBS[type(config)][1](config)
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; run the same command again to go on.")
    except (OSError, RuntimeError, ValueError) as error:
        if not _is_expected(error):
            raise
        sys.exit(f"error: {error}")


def _is_expected(error: Exception) -> bool:
    """Errors whose message is for the user; any other keeps its traceback."""
    from .errors import EvalError

    return isinstance(error, EvalError | OSError) or type(error) is ValueError
