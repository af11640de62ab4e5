"""`cxrmine selfcheck`."""

import typer

from flows.cli.options import Parser, leave_torch_out


def selfcheck(parser: Parser = None) -> None:
    """Judges the project's golden sentences; exit code 2 and their list when one has changed."""
    from mining.settings import MiningSettings

    settings = MiningSettings(parser=parser) if parser else MiningSettings()
    leave_torch_out(settings.parser)
    from mining.selfcheck import require_self_check

    check = require_self_check(settings)
    typer.echo(
        f"{check.sentences} golden sentences are judged as they must be "
        f"(parser {check.parser_id}, {check.seconds * 1000:.0f} ms)"
    )
