"""The test build of our processes: the real ones, wrapped so that they kill themselves with -9 where they are told to.

`python -m tests.system.mortal web`, `… worker <Celery's arguments>`, `… beat`. The product has no hooks; the wrapper
replaces its functions before it starts (`boundaries`). Orders are given by a file that all processes of a service share
(`order`): whoever gets there first dies, and the order is used up.
"""
