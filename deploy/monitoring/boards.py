"""The dashboards for Grafana: ``python deploy/monitoring/boards.py FOLDER`` writes them there, one JSON file each.

Titles that the city reads are in Japanese first. A panel that has nothing to show when all is well says so itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef

QUIET: Final = "なし / none"
"""What a panel shows that is empty when all is well."""
_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
_COLUMNS: Final = 24


@dataclass(frozen=True)
class Panel:
    """One panel: its queries with their legends, and the unit as Grafana names it."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    says: str = ""
    quiet: bool = False
    """Empty, or at 0, when all is well."""


@dataclass(frozen=True)
class Number(Panel):
    """A panel that shows the newest value alone, large."""


@dataclass(frozen=True)
class Board:
    """A dashboard: rows of panels that share the width."""

    name: str
    title: str
    rows: tuple[tuple[Panel, ...], ...]
    refresh: str = "15s"
    since: str = "now-6h"


def _p99(metric: str, by: str = "", selector: str = "", quantile: float = 0.99) -> str:
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket{selector}[5m])))"


def _one(query: str, legend: str = "") -> tuple[tuple[str, str]]:
    return ((query, legend),)


def _while_open(query: str) -> str:
    """What it was last while an election was open, for half a day: the counts are of those that are open."""
    return f"last_over_time(({query} > 0)[12h:1m]) or {query}"


_ALERTS = Panel(
    "警報 / alerts firing",
    _one('ALERTS{alertstate="firing", severity=~"page|ticket"}', "{{alertname}}"),
    says="いま鳴っている警報。意味と対応は docs/runbooks/alerts.md",
    quiet=True,
)

VOTING_DAY = Board(
    "voting-day",
    "投票日 / Voting day",
    (
        (
            Number("投票した人 / voters", _one(_while_open("max(evote_turnout_voters)"))),
            Number(
                "投票率 / turnout",
                _one(_while_open("max(evote_turnout_voters) / max(evote_turnout_listed_voters)")),
                "percentunit",
            ),
            Number(
                "受け付けた票（やり直しを含む）/ ballots, superseded ones included",
                _one(_while_open("max(evote_turnout_ballots)")),
            ),
            Number("台帳の大きさ / entries in the log", _one("max(evote_ledger_size_entries)")),
        ),
        (_ALERTS,),
        (
            Panel(
                "受け付け（毎分）/ casts a minute",
                _one("60 * sum by (outcome) (rate(evote_ballot_intake_duration_seconds_count[5m]))", "{{outcome}}"),
                says="10 件ずつ動く / moves by tens",
            ),
            Panel(
                "本人確認を終えた人（毎分、方法別）/ releases a minute by way",
                _one("60 * sum by (way) (rate(evote_auth_releases_total[5m]))", "{{way}}"),
                says="10 件ずつ動く / moves by tens",
            ),
        ),
        (
            Panel(
                "本人確認の待ち（方法別）/ releases that wait, by way",
                _one("sum by (way) (evote_auth_releases_waiting)", "{{way}}"),
            ),
            Panel(
                "受け付けを待つ票 / ballots that wait, and in checks",
                (
                    ("sum(evote_ballot_casts_waiting)", "待ち / at the door"),
                    ("sum(evote_ballot_verifications_waiting)", "検査 / in checks"),
                ),
            ),
        ),
        (
            Panel(
                "受付票までの時間 / cast to receipt",
                (
                    (_p99("evote_ballot_intake_duration_seconds", quantile=0.5), "50 %"),
                    (_p99("evote_ballot_intake_duration_seconds"), "99 %"),
                ),
                "s",
            ),
            Panel(
                "台帳に載っていない票のうち最も古いもの / the oldest ballot that waits for the log",
                _one("max(evote_ballot_unlogged_seconds)", "ballot"),
                "s",
                says="15 秒刻み、30 秒未満は 0 のことがある / in steps of 15 s; may be 0 up to 30 s",
            ),
            Panel("台帳から立会まで / entries without witnesses", _one("max(evote_witness_lag_entries)", "entries")),
            Panel(
                "台帳からチェーンまで / entries without a final anchor",
                _one("max by (chain) (evote_anchor_lag_entries)", "{{chain}}"),
            ),
        ),
        (
            Panel(
                "断ったもの（15 分）/ refusals by reason",
                _one("sum by (type) (increase(evote_problems_total[15m])) > 0", "{{type}}"),
                quiet=True,
            ),
            Panel("開票状況を見ている人 / watchers of the turnout", _one("sum(evote_turnout_watchers)", "watchers")),
        ),
    ),
)

LOG = Board(
    "log-and-anchors",
    "Log and anchors",
    (
        (
            Number("sequencers (must be 1)", _one("sum(evote_ledger_leading)")),
            Number("entries in the log", _one("max(evote_ledger_size_entries)")),
            Number("findings standing (must be 0)", _one("sum(evote_ledger_tampering_standing)")),
            Number(
                "age of the monitor's last pass",
                _one("time() - max(evote_ledger_monitor_last_pass_timestamp_seconds)"),
                "s",
            ),
        ),
        (
            Panel("entries a second", _one("sum(rate(evote_ledger_entries_total[5m]))", "entries")),
            Panel(
                "the oldest ballot that waits for the log (in steps of 15 s)",
                _one("max(evote_ballot_unlogged_seconds)", "ballot"),
                "s",
            ),
            Panel("record to checkpoint", _one(_p99("evote_ledger_checkpoint_delay_seconds"), "99 %"), "s"),
            Panel(
                "records without a place in the log",
                _one("sum by (reason) (rate(evote_ledger_skipped_total[5m]))", "{{reason}}"),
            ),
        ),
        (
            Panel("entries without witnesses", _one("max(evote_witness_lag_entries)", "entries")),
            Panel(
                "witnesses' answers a second",
                _one("sum by (witness, outcome) (rate(evote_witness_requests_total[5m]))", "{{witness}} {{outcome}}"),
            ),
            Panel(
                "since a witness cosigned (a day: not since the restart)",
                _one(
                    "clamp_max(time() - max by (witness) (evote_witness_last_success_timestamp_seconds), 24 * 3600)",
                    "{{witness}}",
                ),
                "s",
            ),
        ),
        (
            Panel(
                "size at the newest final anchor",
                _one("max by (chain) (evote_anchor_verified_size_entries)", "{{chain}}"),
            ),
            Panel("waiting for a final anchor", _one("max by (chain) (evote_anchor_lag_seconds)", "{{chain}}"), "s"),
            Panel(
                "checkpoint to final anchor", _one(_p99("evote_anchor_delay_seconds", "chain"), "{{chain}} 99 %"), "s"
            ),
            Panel("chain answers", _one("max by (chain) (evote_anchor_up)", "{{chain}}")),
        ),
        (
            Panel("the monitor's pass", _one("max(evote_ledger_monitor_last_pass_duration_seconds)", "seconds"), "s"),
            Panel("entries that it checked", _one("max(evote_ledger_monitor_entries)", "entries")),
            Panel(
                "passes not completed",
                _one("sum by (reason) (increase(evote_ledger_monitor_failures_total[15m])) > 0", "{{reason}}"),
                quiet=True,
            ),
            Panel(
                "chain readable by the monitor",
                _one("min by (anchor_contract) (evote_ledger_monitor_chain_readable)", "{{anchor_contract}}"),
            ),
        ),
    ),
)

PROJECTIONS = Board(
    "projections",
    "Projections",
    (
        (
            Number("stuck (must be 0)", _one("sum(evote_projection_stuck) or vector(0)")),
            Number("replicas stopped (must be 0)", _one("sum(evote_stopped) or vector(0)")),
            Number("dead letters (must be 0)", _one("sum(evote_dead_letters_total) or vector(0)")),
            Number("records missing (must be 0)", _one("sum(max by (topic) (evote_log_missing_records))")),
            Number("faults of topics (must be 0)", _one("sum(max by (topic) (evote_topic_faults))")),
            Number(
                "partitions that refuse writes (must be 0)",
                _one("sum(max by (topic) (evote_topic_partitions_under_min_isr))"),
            ),
        ),
        (
            Panel(
                "records not applied yet",
                _one("sum by (projection, topic) (evote_projection_lag_records)", "{{projection}} {{topic}}"),
            ),
            Panel(
                "since a batch was applied",
                _one(
                    "time() - max by (projection) (evote_projection_last_apply_timestamp_seconds > 0)", "{{projection}}"
                ),
                "s",
            ),
        ),
        (
            Panel(
                "events applied a second",
                _one("sum by (projection, type) (rate(evote_events_applied_total[5m]))", "{{projection}} {{type}}"),
                says="moves by tens",
            ),
            Panel(
                "partitions of each replica",
                _one("evote_projection_assigned_partitions", "{{projection}} {{instance}}"),
            ),
            Panel(
                "rebalances",
                _one("sum by (projection) (increase(evote_projection_rebalances_total[15m]))", "{{projection}}"),
            ),
            Panel(
                "release of the events that is read",
                _one("min by (instance) (evote_events_release_read)", "{{instance}}"),
            ),
        ),
    ),
)

DEPENDENCIES = Board(
    "dependencies",
    "Dependencies",
    (
        (
            Panel(
                "checks that fail",
                _one(
                    "(evote_ready * on (instance) group_left (service) evote_build_info) == 0",
                    "{{service}} {{check}} {{instance}}",
                ),
                quiet=True,
            ),
            Panel(
                "replicas by release", _one("count by (service, version) (evote_build_info)", "{{service}} {{version}}")
            ),
        ),
        (
            Panel(
                "Kafka: publishes",
                _one(_p99("evote_kafka_publish_duration_seconds", selector='{outcome="ok"}'), "99 %"),
                "s",
            ),
            Panel(
                "Kafka: publishes that failed",
                _one('sum(increase(evote_kafka_publish_duration_seconds_count{outcome="failed"}[15m]))', "failed"),
            ),
            Panel(
                "Kafka: read back",
                _one(_p99("evote_read_back_duration_seconds", selector='{outcome="ok"}'), "99 %"),
                "s",
            ),
        ),
        (
            Panel(
                "PostgreSQL: connections in use, of those allowed",
                _one(
                    'evote_db_pool_connections{state="used"} / ignoring (state)'
                    ' evote_db_pool_connections{state="limit"}',
                    "{{instance}}",
                ),
                "percentunit",
            ),
            Panel(
                "PostgreSQL: wait for a connection",
                _one(_p99("evote_db_acquire_duration_seconds", "instance"), "{{instance}} 99 %"),
                "s",
            ),
        ),
        (
            Panel(
                "Kafka: partitions under min ISR",
                (
                    ("sum(kafka_server_replicamanager_underminisrpartitioncount)", "Strimzi's brokers"),
                    ("max by (topic) (evote_topic_partitions_under_min_isr)", "{{topic}}"),
                ),
                quiet=True,
            ),
            Panel(
                "PostgreSQL: standbys in sync",
                _one("max by (cluster) (cnpg_evote_standbys_in_sync)", "{{cluster}}"),
                says="by its operator alone (CloudNativePG), as are the two beside it",
                quiet=True,
            ),
            Panel(
                "PostgreSQL: since its log was archived, or failed to be",
                (
                    ("time() - max by (cluster) (cnpg_pg_stat_archiver_last_archived_time > 0)", "{{cluster}}"),
                    ("time() - max by (cluster) (cnpg_pg_stat_archiver_last_failed_time > 0)", "{{cluster}} failed"),
                ),
                "s",
                quiet=True,
            ),
            Panel(
                "PostgreSQL: age of the newest base backup",
                _one(
                    "time() - max by (cluster) (barman_cloud_cloudnative_pg_io_last_available_backup_timestamp > 0)",
                    "{{cluster}}",
                ),
                "s",
                quiet=True,
            ),
        ),
        (
            Panel("event loop's lag", _one(_p99("evote_event_loop_lag_seconds", "instance"), "{{instance}} 99 %"), "s"),
            Panel("proofs waiting or at work", _one("sum(evote_ballot_verifications_waiting)", "checks")),
            Panel("CPU", _one("rate(process_cpu_seconds_total[5m])", "{{instance}}")),
            Panel("memory", _one("process_resident_memory_bytes", "{{instance}}"), "bytes"),
        ),
        (
            Panel(
                "answers, 99 %",
                _one(_p99("http_server_request_duration_seconds", "http_route"), "{{http_route}}"),
                "s",
            ),
            Panel(
                "faults of ours (5xx)",
                _one(
                    "sum by (http_route) (increase("
                    'http_server_request_duration_seconds_count{http_response_status_code=~"5.."}[15m])) > 0',
                    "{{http_route}}",
                ),
                quiet=True,
            ),
        ),
        (
            Panel(
                "revocation: checks a second",
                _one(
                    "sum by (source, outcome) (rate(evote_auth_revocation_checks_total[5m]))", "{{source}} {{outcome}}"
                ),
            ),
            Panel(
                "revocation: until a list ends",
                _one("min(evote_auth_revocation_lists_end_timestamp_seconds) - time()", "list"),
                "s",
            ),
            Panel(
                "certificates: until the first ends",
                _one(
                    "min by (service, what) (evote_certificate_end_timestamp_seconds"
                    " * on (instance) group_left (service) evote_build_info) - time()",
                    "{{service}} {{what}}",
                ),
                "s",
                says="As each service holds them: docs/runbooks/alerts.md, EvoteCertificateEnds.",
            ),
            Panel(
                "roster: until the first entry ends",
                _one("min by (entry) (evote_roster_end_timestamp_seconds) - time()", "{{entry}}"),
                "s",
                quiet=True,
            ),
            Panel(
                "clocks: off Prometheus'",
                _one("timestamp(evote_clock_timestamp_seconds) - evote_clock_timestamp_seconds", "{{instance}}"),
                "s",
            ),
        ),
        (
            Panel("faces: pictures waiting or read", _one("sum(evote_face_queue_pictures)", "pictures"), quiet=True),
            Panel("faces: warm workers", _one("sum(evote_face_workers)", "workers"), quiet=True),
            Panel("faces: a picture", _one(_p99("evote_face_read_duration_seconds"), "99 %"), "s", quiet=True),
            Panel(
                "faces: outcomes a second",
                _one("sum by (operation, outcome) (rate(evote_face_outcomes_total[5m]))", "{{operation}} {{outcome}}"),
                quiet=True,
            ),
        ),
    ),
)

OBJECTIVES = Board(
    "slo",
    "SLO",
    (
        (
            Panel(
                "share of the week's budget that is left",
                _one("slo:period_error_budget_remaining:ratio", "{{sloth_slo}}"),
                "percentunit",
            ),
            Panel("how fast it burns now (1: gone in a week)", _one("slo:current_burn_rate:ratio", "{{sloth_slo}}")),
        ),
        (
            Panel("share that fails, 5 minutes", _one("slo:sli_error:ratio_rate5m", "{{sloth_slo}}"), "percentunit"),
            Panel("share that fails, 1 hour", _one("slo:sli_error:ratio_rate1h", "{{sloth_slo}}"), "percentunit"),
            Panel("objective", _one("slo:objective:ratio", "{{sloth_slo}}"), "percentunit"),
        ),
        (_ALERTS,),
    ),
    since="now-7d",
)

BOARDS: Final = (VOTING_DAY, LOG, PROJECTIONS, DEPENDENCIES, OBJECTIVES)


def _built(board: Board) -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"evote-{board.name}")
        .tags(["evote"])
        .readonly()
        .timezone("browser")
        .refresh(board.refresh)
        .time(board.since, "now")
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    for row in board.rows:
        for panel in row:
            built.with_panel(_panel(panel, span=_COLUMNS // len(row)))
    return built


def _panel(panel: Panel, span: int) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if isinstance(panel, Number):
        made = stat.Panel().graph_mode(BigValueGraphMode.NONE).height(4)
    else:
        made = timeseries.Panel().height(7)
    made.title(panel.title).datasource(_SOURCE).unit(panel.unit).span(span)
    if panel.says:
        made.description(panel.says)
    if panel.quiet:
        made.no_value(QUIET)
    for number, (query, legend) in enumerate(panel.queries):
        made.with_target(prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + number)))
    return made


def written(board: Board) -> str:
    """The dashboard, as Grafana imports it."""
    encoded: Any = JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False).encode(_built(board).build())
    return f"{encoded}\n"


def main(arguments: Sequence[str]) -> int:
    """Write all of them into the folder."""
    (folder,) = map(Path, arguments)
    folder.mkdir(exist_ok=True)
    for board in BOARDS:
        (folder / f"{board.name}.json").write_text(written(board))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
