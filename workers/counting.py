"""A worker tells what it counted, for whoever asks a web process for the metrics: nobody can ask the worker itself."""

from celery.signals import worker_process_init, worker_process_shutdown, worker_ready, worker_shutdown

from billing_core.totals import Teller, Totals
from workers.app import settings

_tellers = list[Teller]()


@worker_ready.connect
@worker_process_init.connect  # each process of a prefork pool, which ours is not unless somebody says so
def _begin(**_: object) -> None:
    _tellers.clear()  # of whom a process was forked from
    teller = Teller(Totals.of(settings), settings.metrics_interval)
    teller.start()
    _tellers.append(teller)


@worker_shutdown.connect
@worker_process_shutdown.connect
def _end(**_: object) -> None:
    while _tellers:
        _tellers.pop().stop()
