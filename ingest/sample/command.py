"""The command `spymaster sample`."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import click

from ingest.sample import option_day
from ingest.sample.day import SampleSummary, write_day
from ingest.sample.dbn_file import file_name
from ingest.sample.labels import truth_name
from ingest.sample.market import Form, MarketConfig, schedule_of
from ingest.sample.option_chain import OptionConfig
from ingest.sample.roll import RollConfig, RollPlan, WrittenDay, expected_messages, write_days
from spymaster.errors import UserError
from spymaster.products import PRICE_SCALE
from spymaster.progress import progress

FIRST_YEAR, LAST_YEAR = 1971, 2099  # times are ns of UTC, and NEVER (crowd.py) lies in 2116


def _date(text: str, option: str = "--dt") -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{option} {text!r} is not a date such as 2026-01-06") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise UserError(f"{option} {text!r} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    return day


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise UserError(f"--start {text!r} is not a time of day such as 09:28") from None


def _folder(path: Path) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def _price_text(price_int: int | None) -> str:
    return "none" if price_int is None else f"{price_int / PRICE_SCALE:,.10g}"


def _report_file(summary: SampleSummary) -> None:
    click.echo(
        f"{summary.path}\n"
        f"  {summary.messages:,} messages, trades from {_price_text(summary.first_price)} to "
        f"{_price_text(summary.last_price)}, {summary.orders:,} orders rest at the end"
    )
    if summary.truth_path is not None:
        click.echo(f"{summary.truth_path}\n  what its walls and icebergs did")


def _report(summary: SampleSummary, options: option_day.OptionSummary | None, root: str) -> None:
    _report_file(summary)
    if options is not None:
        click.echo(
            f"{options.mbo_path}\n"
            f"  {options.messages:,} messages of {options.options:,} options, {options.orders:,} "
            "orders rest at the end\n"
            f"{options.definition_path}\n{options.statistics_path}\n"
            f"{options.truth_path}\n"
            "  the volatility and the open interest of each strike"
        )
    click.echo(f"next: spymaster ingest {summary.path.parent} --root {root}")


def _report_day(day: WrittenDay) -> None:
    for summary in day.futures:
        click.echo(
            f"{summary.path}  {summary.messages:,} messages, trades from "
            f"{_price_text(summary.first_price)} to {_price_text(summary.last_price)}"
        )
        if summary.truth_path is not None:
            click.echo(f"{summary.truth_path}")
    if day.options is not None:
        click.echo(f"{day.options.mbo_path}  {day.options.messages:,} messages")


def _sample_day(out: Path, market: MarketConfig, chain: OptionConfig | None, truth: bool) -> None:
    expected = schedule_of(market).messages
    if chain is not None:
        expected += option_day.option_messages(market, chain)
    folder = _folder(out)
    truth_path = folder / truth_name(market) if truth else None
    of_options = None
    with progress(f"simulating {market.contract} {market.dt}", expected, "messages") as advance:
        if chain is None:
            path = folder / file_name(market)
            summary = write_day(path, market, advance, truth=truth_path)
        else:
            summary, of_options = option_day.write_day_with_options(
                folder, market, chain, advance, truth_path=truth_path
            )
    _report(summary, of_options, market.root)


def _sample_days(
    out: Path, market: MarketConfig, roll: RollConfig, chain: OptionConfig | None, truth: bool
) -> None:
    plan = RollPlan(market, roll)
    expected = expected_messages(plan, chain)
    folder = _folder(out)
    title = f"simulating {market.contract} {plan.dates[0]} to {plan.dates[-1]}"
    with progress(title, expected, "messages") as advance:
        days = write_days(folder, market, roll, advance, chain, truth)
    for day in days:
        _report_day(day)
    click.echo(f"next: spymaster ingest {folder} --root {market.root}")


@click.command(context_settings={"show_default": True})
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--seed", default=7, type=int, help="The same seed gives the same bytes.")
@click.option("--dt", default="2026-01-06", help="UTC day of the file.")
@click.option("--root", default="ES", help="Product; its tick is used.")
@click.option("--contract", default="ESH6", help="Contract of that product.")
@click.option(
    "--price", type=float, default=None, help="First price.  [default: typical of the product]"
)
@click.option("--start", default="09:28", help="New York time at which the simulated time begins.")
@click.option("--minutes", default=10.0, type=float, help="Length of the simulated time.")
@click.option(
    "--messages",
    type=int,
    default=None,
    help="How many messages to spread over it.  [default: as a day of 13 million would have]",
)
@click.option(
    "--form",
    type=click.Choice([form.value for form in Form]),
    default=Form.NEW.value,
    help="End of an event that spans packets: an extra N record (new, Databento's since August "
    "2026) or F_LAST on its last real record (old). Otherwise the two are the same stream.",
)
@click.option(
    "--full-day",
    is_flag=True,
    help="The whole UTC day (23 hours of trading); --start, --minutes and --auction do not count.",
)
@click.option(
    "--auction/--no-auction",
    default=True,
    help="Open the simulated time with a minute of pre-open (half of it if shorter than two), in "
    "which the book may be crossed, and an uncross. The session's auction, after the pre-open of "
    "17:59 New York time, happens in any case.",
)
@click.option(
    "--truth",
    is_flag=True,
    help="Write beside each future's file what its walls and icebergs did: labelled events, to test "
    "a rule that finds such things. The future's file is the same with and without.",
)
@click.option(
    "--options",
    is_flag=True,
    help="Write the options on the future too: definitions, statistics, MBO, and the truth beside "
    "them (ES and NQ). The future's file is the same with and without.",
)
@click.option(
    "--option-strikes", default=61, type=int, help="Strikes an expiry, a call and a put at each."
)
@click.option(
    "--option-expiries",
    default=3,
    type=int,
    help="Expiries: the day's own, those of the next business days, and last the quarterly.",
)
@click.option(
    "--option-depth", default=4, type=int, help="Orders on a side of an option's book, at most."
)
@click.option(
    "--option-messages",
    type=int,
    default=None,
    help="How many messages the option file has.  [default: by options and simulated time]",
)
@click.option(
    "--days",
    default=1,
    type=int,
    help="Write so many trading days from --dt on (no weekends and holidays), each beginning where "
    "the day before ended; of ES and NQ with a definition file a day.",
)
@click.option(
    "--next-contract",
    default=None,
    help="Write this contract too, such as ESM6 after ESH6 (with --roll-date; ES and NQ). "
    "--messages is then of a contract and day, on average.",
)
@click.option(
    "--roll-date",
    default=None,
    help="The first day on which the next contract trades more: the front contract from the day "
    "after on.",
)
def sample(
    out: Path,
    seed: int,
    dt: str,
    root: str,
    contract: str,
    price: float | None,
    start: str,
    minutes: float,
    messages: int | None,
    form: str,
    full_day: bool,
    auction: bool,
    truth: bool,
    options: bool,
    option_strikes: int,
    option_expiries: int,
    option_depth: int,
    option_messages: int | None,
    days: int,
    next_contract: str | None,
    roll_date: str | None,
) -> None:
    """Write a simulated market as Databento would deliver it (MBO, DBN, zstd).

    The file begins with the snapshot at midnight UTC; the simulated minutes follow it directly. It
    holds one UTC day: a start from 19:00 New York time on (20:00 in summer) is the evening before.
    Nothing trades from 17:00 to 18:00. --messages counts the new form's N records too.

    \b
    Example:
      spymaster sample --out sample/
      spymaster sample --out sample/ --root NQ --contract NQH6 --minutes 30
      spymaster sample --out sample/ --full-day --truth
      spymaster sample --out sample/ --options --option-messages 500000
      spymaster sample --out sample/ --dt 2026-03-10 --days 10 --messages 30000 \\
        --next-contract ESM6 --roll-date 2026-03-16
    """
    market = MarketConfig(
        root=root,
        contract=contract,
        dt=_date(dt),
        seed=seed,
        price=price,
        start=_time(start),
        minutes=minutes,
        messages=messages,
        form=Form(form),
        full_day=full_day,
        auction=auction,
    )
    roll = RollConfig(days, next_contract, _date(roll_date, "--roll-date") if roll_date else None)
    chain = None
    if options:
        chain = OptionConfig(option_strikes, option_expiries, option_depth, option_messages)
    if roll != RollConfig():
        _sample_days(out, market, roll, chain, truth)
        return
    _sample_day(out, market, chain, truth)
