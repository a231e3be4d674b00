"""From nothing to a dataset and its page: sample scans, build, checks, table, report."""

from __future__ import annotations

from .checks import check_build
from .config import BuildConfig, DemoConfig, ReportConfig
from .findings import format_checks
from .html_report import write_report
from .pipeline import build
from .report import format_report
from .scans.sample import write_sample_scans
from .workers import available_cores


def run_demo(config: DemoConfig) -> str:
    """Write sample scans and a dataset below `config.out`, write its page, and return the closing text."""
    root, out = config.out / "scannetpp", config.out / "spatialmosaic"
    num_proc = config.num_proc or available_cores()
    write_sample_scans(root, num_scans=config.scans, seed=config.seed, num_proc=num_proc)
    build_config = BuildConfig(root, out=out, size=config.size, num_proc=config.num_proc, seed=config.seed)
    report = build(build_config)
    found = check_build(build_config)
    page = write_report(ReportConfig(out, image_root=root, out=config.report, seed=config.seed))
    return (
        f"\n{format_report(report)}\n\n{format_checks(found, build_config.profile)}\n\nThe dataset is in {out}: "
        f'`cd {config.out}` and load_dataset("spatialmosaic", "paper").\nLook at {page} in a browser.'
    )
