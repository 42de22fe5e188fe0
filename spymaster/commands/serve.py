"""`spymaster serve`: the HUD in the browser, and its data for whoever reads Arrow."""

from __future__ import annotations

import click

from spymaster.lake import Lake


@click.command(context_settings={"show_default": True})
@click.option("--lake", "lake_path", metavar="PATH", help="Lake's root [SPYMASTER_LAKE or ./lake].")
@click.option(
    "--host", default="127.0.0.1", help="Address; any but this machine's own needs --token."
)
@click.option("--port", default=8765, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--token", envvar="SPYMASTER_TOKEN", help="What clients must show; SPYMASTER_TOKEN keeps it"
              " out of the list of processes.")  # fmt: skip
@click.option("--allow-host", "names", multiple=True, metavar="NAME",
              help="A further name the service is reached by; may be given again.")  # fmt: skip
@click.option("--max-ticks", default=200, type=click.IntRange(20, 600),
              help="How far from spot the lists may reach; memory grows with it.")  # fmt: skip
def serve(
    lake_path: str | None, host: str, port: int, token: str | None, names: tuple[str, ...],
    max_ticks: int,
) -> None:  # fmt: skip
    """Serve built days: the HUD page, playback over WebSocket, tables as Arrow over HTTP.

    \b
    Example:
      spymaster serve
      spymaster serve --port 9000 --lake /data/lake
    """
    # The server's packages are wanted by this command alone.
    from spymaster.hud.server import HudServer, ServerOptions

    options = ServerOptions(host, port, token, names, max_ticks)
    lake = Lake.from_option(lake_path)
    lake.check_exists()
    server = HudServer(lake, options)
    click.echo(f"{server.url}  (Ctrl-C ends)")
    server.run()
