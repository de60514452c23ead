"""The trustee at the keyboard: compares the code with the others, and looks at the final texts."""

from __future__ import annotations

from dataclasses import dataclass

import typer
from evote_belenios.election import parse_election
from evote_ceremony.code import CeremonyCode, CodeGroup, CodeMistyped, parse_groups, read_aloud_by
from evote_ceremony.plan import Plan
from evote_ceremony.setup import Setup
from evote_tlog.display import visible
from rich.console import Console
from rich.text import Text

from .errors import CodeDiffers, CommandFailed, NotApproved

_TRIES = 3


@dataclass(frozen=True)
class AtKeyboard:
    """Asks on the terminal. Nobody sees the whole code: what one reads out, the others type as they hear it."""

    console: Console

    def hear(self, plan: Plan, trustee: int, code: CeremonyCode) -> CeremonyCode:
        self._show_plan(plan, trustee)
        own = read_aloud_by(trustee, len(plan.trustees))
        self.console.print(
            "\n立会人の全員で電話をつなぎ、照合の言葉を 1 組目から順に読み上げ合ってください。\n"
            "電話のほかの方法では伝えないでください。聞いたとおりに入力します（かな・ローマ字と数字 2 桁）。\n"
        )
        heard = []
        for at, group in enumerate(code.groups):
            if at in own:
                self.console.print(f"  {at + 1} 組目: [bold]{group.spelled}[/bold]　← あなたが読み上げます")
                heard.append(group)
            else:
                reader = plan.trustees[at % len(plan.trustees)].name
                heard.append(self._hear_group(f"  {at + 1} 組目（{visible(reader)} さんが読み上げます）", group))
        if not typer.confirm("立会人の全員が「一致した」と言いましたか"):
            raise CodeDiffers
        return CeremonyCode(tuple(heard))

    def approve(self, plan: Plan, roll_size: int, setup: Setup) -> None:
        self._show_plan(plan, trustee=0)
        self.console.print(
            f"名簿: {roll_size} 人\nelection.json の指紋: {parse_election(setup.election_json).fingerprint}\n"
            "この内容が、あなたの鍵の入った最終のものです。確認すると署名が公開され、全員の確認で投票を開始できます。"
        )
        if not typer.confirm("この内容で投票を開始してよいですか"):
            raise NotApproved("確認しませんでした。何も送っていません。")

    def _hear_group(self, prompt: str, expected: CodeGroup) -> CodeGroup:
        """Several tries: people mishear. The last one decides."""
        for left in reversed(range(_TRIES)):
            try:
                groups = parse_groups(typer.prompt(prompt))
            except CodeMistyped:
                groups = ()
            if len(groups) != 1:
                self.console.print("    言葉の表にないか、数字が 2 桁ではありません。もう一度聞いてください。")
            elif groups[0] == expected:
                return expected
            elif left:
                self.console.print("    一致しません。もう一度聞いてください。")
        raise CodeDiffers

    def _show_plan(self, plan: Plan, trustee: int) -> None:
        lines = [f"選挙: {plan.name}（{plan.election_uuid}）", f"受付: {plan.opens_at} 〜 {plan.closes_at}"]
        for number, question in enumerate(plan.questions, 1):
            answers = [*question.answers, *(["白票"] if question.blank else [])]
            lines.append(f"質問 {number}: {question.question}　{' / '.join(answers)}")
        lines.append(f"立会人 {len(plan.trustees)} 人のうち {plan.threshold} 人で開票できます:")
        for number, planned in enumerate(plan.trustees, 1):
            lines.append(f"  {number} {planned.name}{'（あなた）' if number == trustee else ''}")
        # Text, so that nothing in a name is read as markup.
        self.console.print(Text("\n".join(visible(line) for line in lines)))


@dataclass(frozen=True)
class FromArguments:
    """For programs: the whole code as it was heard from another trustee, and the word that the texts were seen."""

    code: str | None
    approved: bool

    def hear(self, plan: Plan, trustee: int, code: CeremonyCode) -> CeremonyCode:
        if self.code is None:
            raise CommandFailed("照合の言葉を --code で指定してください。他の立会人から聞いたものです。")
        try:
            return CeremonyCode(parse_groups(self.code))
        except CodeMistyped as error:
            raise CommandFailed(f"照合の言葉として読めません: {error.text}") from error

    def approve(self, plan: Plan, roll_size: int, setup: Setup) -> None:
        if not self.approved:
            raise NotApproved("最終内容の確認には --yes が必要です。何も送っていません。")
