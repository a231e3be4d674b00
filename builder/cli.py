"""The command `spatialmosaic`: verbs and nothing else. Heavy imports wait inside the verb."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from .config import (
    AuditConfig,
    BuildConfig,
    CardConfig,
    DemoConfig,
    DoctorConfig,
    ExportConfig,
    PrepareImagesConfig,
    PushConfig,
    ReportConfig,
    StatusConfig,
    VerifyConfig,
)


def _doctor(config: DoctorConfig) -> None:
    from .doctor import run_doctor

    text, is_usable = run_doctor(config)
    print(text)
    sys.exit(0 if is_usable else 1)


def _build(config: BuildConfig) -> None:
    from .checks import check_build
    from .findings import format_checks
    from .pipeline import build
    from .report import format_report

    print(f"\n{format_report(build(config))}")
    found = check_build(config)
    print(f"\n{format_checks(found, config.profile)}\n\nThe dataset is in {config.out}.")
    if found.verification is not None and not found.verification["passes"]:
        sys.exit(1)


def _prepare_images(config: PrepareImagesConfig) -> None:
    from .image_root import prepare_images

    print(f"\n{prepare_images(config)}")


def _status(config: StatusConfig) -> None:
    from .status import run_status

    print(run_status(config))


def _report(config: ReportConfig) -> None:
    from .html_report import write_report

    print(f"Wrote {write_report(config)}.")


def _export(config: ExportConfig) -> None:
    from .export import export

    for path, count in export(config).items():
        print(f"Wrote {count:,} records to {path}.")


def _audit(config: AuditConfig) -> None:
    from .audit import audit_as_json, audit_dataset, format_audit
    from .findings import AUDIT

    audit = audit_dataset(config.dataset)
    print(format_audit(audit))
    _keep_result(config, AUDIT, audit_as_json(audit))


def _verify(config: VerifyConfig) -> None:
    from .findings import VERIFICATION
    from .verify import format_verification, verification_as_json, verify_dataset

    found = verify_dataset(config.dataset, config.scans, config.num_scans, config.num_proc, config.seed)
    print(format_verification(found))
    _keep_result(config, VERIFICATION, verification_as_json(found))
    if not found.passes:
        sys.exit(1)


def _keep_result(config: AuditConfig | VerifyConfig, name: str, result: dict[str, Any]) -> None:
    """Write a result where it was asked for, else into the work folder, where `report` finds it, and on the card."""
    from .card import is_known, refresh_card
    from .pipeline import work_folder
    from .shards import write_json

    work = work_folder(config.dataset)
    if config.json or work.is_dir():
        write_json(config.json or work / name, result)
    if not config.json and is_known(config.dataset, work):
        refresh_card(config.dataset, work)


def _card(config: CardConfig) -> None:
    from .card import refresh_card
    from .pipeline import work_folder

    refresh_card(config.dataset, work_folder(config.dataset))
    print(f"Wrote {config.dataset / 'README.md'}.")


def _push(config: PushConfig) -> None:
    from .hub.push import push

    print(push(config))


def _demo(config: DemoConfig) -> None:
    from .demo import run_demo

    print(run_demo(config))


_INTERRUPTED = "\nInterrupted; run the same command again to go on."

_VERBS: dict[type, tuple[str, Callable[[Any], None]]] = {
    DoctorConfig: ("doctor", _doctor),
    BuildConfig: ("build", _build),
    PrepareImagesConfig: ("prepare-images", _prepare_images),
    StatusConfig: ("status", _status),
    ReportConfig: ("report", _report),
    ExportConfig: ("export", _export),
    AuditConfig: ("audit", _audit),
    VerifyConfig: ("verify", _verify),
    CardConfig: ("card", _card),
    PushConfig: ("push", _push),
    DemoConfig: ("demo", _demo),
}


def parse(arguments: Sequence[str] | None = None) -> Any:
    """Read a verb and its options, those of this process by default."""
    configs: dict[str, Callable[..., Any]] = {name: config for config, (name, _) in _VERBS.items()}
    return tyro.extras.subcommand_cli_from_dict(
        configs,
        prog="spatialmosaic",
        description="Make multi-view spatial reasoning data from ScanNet++ scenes.",
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
        sys.exit(_INTERRUPTED)
    except SystemError as error:
        # Compiled code hands an interrupt on as the cause of one of these.
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        sys.exit(_INTERRUPTED)
    except (OSError, RuntimeError, ValueError) as error:
        if not _is_expected(error):
            raise
        sys.exit(f"error: {error}")


def _is_expected(error: Exception) -> bool:
    """Errors whose message is for the user; any other keeps its traceback."""
    from .errors import BuildError
    from .scans.errors import ScanError

    return isinstance(error, BuildError | ScanError | OSError) or type(error) is ValueError
