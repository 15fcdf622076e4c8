from tests.sql_server import KIND

collect_ignore = [] if KIND else ["test_databases.py"]
