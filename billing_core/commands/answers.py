"""What Stripe answered to a command becomes our rows, in one transaction with the command."""

from collections.abc import Callable, Sequence

from billing_core.answers import Answer, Answers, OwnIds
from billing_core.commands.outcome import Outcome
from billing_core.commands.work import Work


class CommandAnswers(Answers):
    """Writes objects together with what became of the command."""

    def save(self, work: Work, answers: Sequence[Answer]) -> None:
        """Write them with the command's progress."""
        self.write(answers, lambda session, _own_ids: work.save(session))
        work.committed()

    def finish(self, work: Work, answers: Sequence[Answer], outcome: Callable[[OwnIds], Outcome]) -> None:
        """Write them, and finish the command with what the outcome is, in one commit."""
        self.write(answers, lambda session, own_ids: work.finish(session, outcome(own_ids)))
        work.committed()
