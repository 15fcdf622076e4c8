"""Whether our rows say what Stripe says, object by object, and what is done where they do not.

Reconcile reports; with repair it writes. Backfill is the same walk where much is expected to be missing.
"""
