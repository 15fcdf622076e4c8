from tests.sql_server import KIND

collect_ignore = [] if KIND else ["test_any_order_on_sql_server.py"]
