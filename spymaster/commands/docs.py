"""`spymaster docs`: the documentation site, built and shown."""

from __future__ import annotations

from pathlib import Path

import click

from spymaster.docs_site import build_docs, serve_page


@click.command(context_settings={"show_default": True})
@click.option("--out", default="site/index.html", type=click.Path(path_type=Path), metavar="FILE",
              help="The site, one HTML file that needs no network.")  # fmt: skip
@click.option("--serve/--no-serve", default=True, help="Show it on this machine until Ctrl-C.")
@click.option("--port", default=8580, type=click.IntRange(0, 65535), help="0: any free port.")
def docs(out: Path, serve: bool, port: int) -> None:
    """Build the documentation: every table and column, the rules, the lineage from file to HUD.

    \b
    Example:
      spymaster docs
      spymaster docs --out site.html --no-serve
    """
    click.echo(f"wrote {out} ({build_docs(out) / 1e6:.1f} MB)")
    if serve:
        serve_page(out, port, lambda url: click.echo(f"{url}  (Ctrl-C ends)"))
