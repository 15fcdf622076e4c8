"""Which keys are in use, which may go, and what ours must be allowed to do at Stripe. docs/keys.md"""
