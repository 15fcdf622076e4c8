-- What the billing service may do in the host platform's database, and no more: a role for SQL Server and Azure SQL.
--
-- Run it after 004_create_billing_schema.sql, as a user that may make roles and grant rights (db_owner can):
--     sqlcmd -S <server> -d <database> -U <user> -b -i migrations/sql/billing_role.sql
-- then give the role to the user that DATABASE_URL names:
--     ALTER ROLE billing_service ADD MEMBER <user>;
-- Running it twice does no harm. Whoever runs migrations needs more: db_ddladmin, db_datareader and db_datawriter.

IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = N'billing_service')
CREATE ROLE billing_service;
GO

-- It writes these rows and never deletes one: what is gone at Stripe is marked as gone here.
GRANT SELECT, INSERT, UPDATE ON BillingCustomers TO billing_service;
GRANT SELECT, INSERT, UPDATE ON Subscriptions TO billing_service;
GRANT SELECT, INSERT, UPDATE ON PaymentMethods TO billing_service;
GRANT SELECT, INSERT, UPDATE ON Invoices TO billing_service;
GRANT SELECT, INSERT, UPDATE ON InvoicePayments TO billing_service;
GRANT SELECT, INSERT, UPDATE ON Disputes TO billing_service;
GRANT SELECT, INSERT, UPDATE ON Refunds TO billing_service;
GRANT SELECT, INSERT, UPDATE ON BillingCommands TO billing_service;

-- `billing events purge` deletes; without it, leave DELETE out.
GRANT SELECT, INSERT, UPDATE, DELETE ON BillingEvents TO billing_service;

-- A run that is over deletes its checkpoint.
GRANT SELECT, INSERT, UPDATE, DELETE ON BillingCheckpoints TO billing_service;

-- Who did what: it adds to them, and neither changes nor deletes one.
GRANT SELECT, INSERT ON BillingActions TO billing_service;

-- Whether the schema is the one that the code needs.
GRANT SELECT ON billing_alembic_version TO billing_service;

-- Of the host platform's users it reads the key, and nothing about them.
GRANT SELECT ON Users (UserID) TO billing_service;
GO
