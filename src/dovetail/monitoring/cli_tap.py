"""The command that runs a tap in a process of its own, which outlives monitoring."""

import signal
import threading

import click

__all__ = ["tap_alone"]


@click.command(name="tap")
@click.option("--upstream", required=True, help="The Open Inference server, http://host:port.")
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=8090, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
@click.option("--url", default="http://127.0.0.1:8080", help="Where monitoring answers.")
@click.option("--token", envvar="DOVETAIL_TOKEN", help="API token of monitoring.")
def tap_alone(upstream: str, host: str, port: int, url: str, token: str | None) -> None:
    """Pass requests on to a server, log its inferences to monitoring, and outlive monitoring.

    \b
    dovetail monitoring tap --upstream http://mlserver:8080 --port 8090
    """
    from dovetail.monitoring.tap.thread import Tap
    from dovetail.wire.cloudevents import Client
    from dovetail.wire.monitoring import EVENTS

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with Client(url, token=token) as client:
        tap = Tap(upstream, host, port, lambda events: client.send_events(events, EVENTS))
        tap.start()
        click.echo(f"The tap of {upstream} listens on {tap.address}", err=True)
        ended.wait()
        tap.stop()
