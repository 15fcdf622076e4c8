-- Create the billing schema.
--
-- Migration 004 of the billing service, for SQL Server 2019 and later and for Azure SQL.
-- `make schema-sql` renders it from migrations/versions/004_create_billing_schema.py, and a test keeps the two equal:
-- change the migration, not this file.
--
-- The tables are explained in docs/schema.md. What is there already stays as it is: running it twice does no harm.
-- It is one transaction: if anything fails, nothing is left behind. The service reads in billing_alembic_version that
-- it ran.
--
-- How to run it, in the host platform's database, as a user that may create tables:
--     sqlcmd -S <server> -d <database> -U <user> -b -i migrations/sql/004_create_billing_schema.sql
-- or in any other tool that knows GO. Then grant the service its rights: billing_role.sql.

-- The index on a part of BillingEvents can be made only with these settings; sqlcmd's own QUOTED_IDENTIFIER is off.
SET ANSI_NULLS ON;
SET QUOTED_IDENTIFIER ON;
GO

SET XACT_ABORT ON;
SET NOCOUNT ON;

BEGIN TRANSACTION;

IF OBJECT_ID(N'[billing_alembic_version]', N'U') IS NULL
BEGIN
CREATE TABLE billing_alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT billing_alembic_version_pkc PRIMARY KEY (version_num)
);
END;

-- Running upgrade  -> 004

IF OBJECT_ID(N'[Users]', N'U') IS NULL
CREATE TABLE [Users] (
    [UserID] INTEGER NOT NULL IDENTITY,
    CONSTRAINT [PK_Users] PRIMARY KEY ([UserID])
);

IF OBJECT_ID(N'[BillingCustomers]', N'U') IS NULL
BEGIN
CREATE TABLE [BillingCustomers] (
    [BillingCustomerID] INTEGER NOT NULL IDENTITY,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [UserID] INTEGER NULL,
    [App] NVARCHAR(500) NULL,
    [NamedUser] NVARCHAR(500) NULL,
    [DefaultPaymentMethod] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [DeletedAt] DATETIME2(6) NULL,
    [ErasedAt] DATETIME2(6) NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_BillingCustomers] PRIMARY KEY ([BillingCustomerID]),
    CONSTRAINT [UQ_BillingCustomers_StripeCustomerID] UNIQUE ([StripeCustomerID]),
    CONSTRAINT [FK_BillingCustomers_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID])
);
CREATE INDEX [IX_BillingCustomers_UserID] ON [BillingCustomers] ([UserID]);
END;

IF OBJECT_ID(N'[Subscriptions]', N'U') IS NULL
BEGIN
CREATE TABLE [Subscriptions] (
    [SubscriptionID] INTEGER NOT NULL IDENTITY,
    [UserID] INTEGER NOT NULL,
    [StripeSubscriptionID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripePriceID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [Status] NVARCHAR(50) NOT NULL,
    [Quantity] INTEGER NULL,
    [CurrentPeriodStart] DATETIME2(6) NOT NULL,
    [CurrentPeriodEnd] DATETIME2(6) NOT NULL,
    [CancelAtPeriodEnd] BIT NOT NULL DEFAULT 0,
    [CancelAt] DATETIME2(6) NULL,
    [CanceledAt] DATETIME2(6) NULL,
    [EndedAt] DATETIME2(6) NULL,
    [TrialEnd] DATETIME2(6) NULL,
    [DefaultPaymentMethod] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [LatestInvoice] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeCreatedAt] DATETIME2(6) NOT NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_Subscriptions] PRIMARY KEY ([SubscriptionID]),
    CONSTRAINT [UQ_Subscriptions_StripeSubscriptionID] UNIQUE ([StripeSubscriptionID]),
    CONSTRAINT [FK_Subscriptions_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID])
);
CREATE INDEX [IX_Subscriptions_UserID] ON [Subscriptions] ([UserID]);
CREATE INDEX [IX_Subscriptions_StripeCustomerID] ON [Subscriptions] ([StripeCustomerID]);
CREATE INDEX [IX_Subscriptions_StripeCreatedAt] ON [Subscriptions] ([StripeCreatedAt]);
END;

IF OBJECT_ID(N'[PaymentMethods]', N'U') IS NULL
BEGIN
CREATE TABLE [PaymentMethods] (
    [PaymentMethodID] INTEGER NOT NULL IDENTITY,
    [UserID] INTEGER NOT NULL,
    [StripePaymentMethodID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [Type] NVARCHAR(50) NOT NULL,
    [Last4] NVARCHAR(4) NULL,
    [Brand] NVARCHAR(50) NULL,
    [ExpMonth] INTEGER NULL,
    [ExpYear] INTEGER NULL,
    [IsDefault] BIT NOT NULL DEFAULT 0,
    [DetachedAt] DATETIME2(6) NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_PaymentMethods] PRIMARY KEY ([PaymentMethodID]),
    CONSTRAINT [UQ_PaymentMethods_StripePaymentMethodID] UNIQUE ([StripePaymentMethodID]),
    CONSTRAINT [FK_PaymentMethods_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID])
);
CREATE INDEX [IX_PaymentMethods_UserID] ON [PaymentMethods] ([UserID]);
CREATE INDEX [IX_PaymentMethods_StripeCustomerID] ON [PaymentMethods] ([StripeCustomerID]);
END;

IF OBJECT_ID(N'[Invoices]', N'U') IS NULL
BEGIN
CREATE TABLE [Invoices] (
    [InvoiceID] INTEGER NOT NULL IDENTITY,
    [UserID] INTEGER NOT NULL,
    [StripeInvoiceID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeSubscriptionID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [SubscriptionID] INTEGER NULL,
    [Number] NVARCHAR(100) NULL,
    [BillingReason] NVARCHAR(50) NULL,
    [Amount] BIGINT NOT NULL,
    [AmountDue] BIGINT NOT NULL,
    [AmountPaid] BIGINT NOT NULL,
    [AmountRemaining] BIGINT NOT NULL,
    [Currency] NVARCHAR(3) NOT NULL DEFAULT 'AUD',
    [Status] NVARCHAR(50) NOT NULL,
    [AttemptCount] INTEGER NOT NULL DEFAULT 0,
    [NextPaymentAttempt] DATETIME2(6) NULL,
    [PeriodStart] DATETIME2(6) NULL,
    [PeriodEnd] DATETIME2(6) NULL,
    [DueDate] DATETIME2(6) NULL,
    [PaidAt] DATETIME2(6) NULL,
    [StripeCreatedAt] DATETIME2(6) NOT NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_Invoices] PRIMARY KEY ([InvoiceID]),
    CONSTRAINT [UQ_Invoices_StripeInvoiceID] UNIQUE ([StripeInvoiceID]),
    CONSTRAINT [FK_Invoices_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID]),
    CONSTRAINT [FK_Invoices_SubscriptionID] FOREIGN KEY([SubscriptionID]) REFERENCES [Subscriptions] ([SubscriptionID])
);
CREATE INDEX [IX_Invoices_UserID] ON [Invoices] ([UserID]);
CREATE INDEX [IX_Invoices_StripeCustomerID] ON [Invoices] ([StripeCustomerID]);
CREATE INDEX [IX_Invoices_StripeSubscriptionID] ON [Invoices] ([StripeSubscriptionID]);
CREATE INDEX [IX_Invoices_SubscriptionID] ON [Invoices] ([SubscriptionID]);
CREATE INDEX [IX_Invoices_StripeCreatedAt] ON [Invoices] ([StripeCreatedAt]);
END;

IF OBJECT_ID(N'[InvoicePayments]', N'U') IS NULL
BEGIN
CREATE TABLE [InvoicePayments] (
    [InvoicePaymentID] INTEGER NOT NULL IDENTITY,
    [UserID] INTEGER NULL,
    [StripeInvoicePaymentID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeInvoiceID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [InvoiceID] INTEGER NULL,
    [SubscriptionID] INTEGER NULL,
    [StripePaymentIntentID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeChargeID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [AmountPaid] BIGINT NULL,
    [AmountRequested] BIGINT NULL,
    [Currency] NVARCHAR(3) NOT NULL,
    [Status] NVARCHAR(50) NOT NULL,
    [PaidAt] DATETIME2(6) NULL,
    [StripeCreatedAt] DATETIME2(6) NOT NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_InvoicePayments] PRIMARY KEY ([InvoicePaymentID]),
    CONSTRAINT [UQ_InvoicePayments_StripeInvoicePaymentID] UNIQUE ([StripeInvoicePaymentID]),
    CONSTRAINT [FK_InvoicePayments_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID]),
    CONSTRAINT [FK_InvoicePayments_InvoiceID] FOREIGN KEY([InvoiceID]) REFERENCES [Invoices] ([InvoiceID]),
    CONSTRAINT [FK_InvoicePayments_SubscriptionID] FOREIGN KEY([SubscriptionID]) REFERENCES [Subscriptions] ([SubscriptionID])
);
CREATE INDEX [IX_InvoicePayments_UserID] ON [InvoicePayments] ([UserID]);
CREATE INDEX [IX_InvoicePayments_StripeInvoiceID] ON [InvoicePayments] ([StripeInvoiceID]);
CREATE INDEX [IX_InvoicePayments_StripePaymentIntentID] ON [InvoicePayments] ([StripePaymentIntentID]);
CREATE INDEX [IX_InvoicePayments_StripeCreatedAt] ON [InvoicePayments] ([StripeCreatedAt]);
END;

IF OBJECT_ID(N'[Disputes]', N'U') IS NULL
BEGIN
CREATE TABLE [Disputes] (
    [DisputeID] INTEGER NOT NULL IDENTITY,
    [UserID] INTEGER NULL,
    [StripeDisputeID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeChargeID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripePaymentIntentID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeInvoiceID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [SubscriptionID] INTEGER NULL,
    [InvoiceID] INTEGER NULL,
    [Amount] BIGINT NOT NULL,
    [Currency] NVARCHAR(3) NOT NULL,
    [Reason] NVARCHAR(100) NOT NULL,
    [Status] NVARCHAR(50) NOT NULL,
    [EvidenceDueBy] DATETIME2(6) NULL,
    [StripeCreatedAt] DATETIME2(6) NOT NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_Disputes] PRIMARY KEY ([DisputeID]),
    CONSTRAINT [UQ_Disputes_StripeDisputeID] UNIQUE ([StripeDisputeID]),
    CONSTRAINT [FK_Disputes_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID]),
    CONSTRAINT [FK_Disputes_SubscriptionID] FOREIGN KEY([SubscriptionID]) REFERENCES [Subscriptions] ([SubscriptionID]),
    CONSTRAINT [FK_Disputes_InvoiceID] FOREIGN KEY([InvoiceID]) REFERENCES [Invoices] ([InvoiceID])
);
CREATE INDEX [IX_Disputes_UserID] ON [Disputes] ([UserID]);
CREATE INDEX [IX_Disputes_StripePaymentIntentID] ON [Disputes] ([StripePaymentIntentID]);
CREATE INDEX [IX_Disputes_StripeInvoiceID] ON [Disputes] ([StripeInvoiceID]);
CREATE INDEX [IX_Disputes_StripeCustomerID] ON [Disputes] ([StripeCustomerID]);
CREATE INDEX [IX_Disputes_StripeCreatedAt] ON [Disputes] ([StripeCreatedAt]);
END;

IF OBJECT_ID(N'[Refunds]', N'U') IS NULL
BEGIN
CREATE TABLE [Refunds] (
    [RefundID] INTEGER NOT NULL IDENTITY,
    [UserID] INTEGER NULL,
    [StripeRefundID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [StripeChargeID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripePaymentIntentID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeInvoiceID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [SubscriptionID] INTEGER NULL,
    [InvoiceID] INTEGER NULL,
    [Amount] BIGINT NOT NULL,
    [Currency] NVARCHAR(3) NOT NULL,
    [Status] NVARCHAR(50) NOT NULL,
    [Reason] NVARCHAR(100) NULL,
    [FailureReason] NVARCHAR(100) NULL,
    [StripeCreatedAt] DATETIME2(6) NOT NULL,
    [AsOf] DATETIME2(6) NOT NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [LastEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_Refunds] PRIMARY KEY ([RefundID]),
    CONSTRAINT [UQ_Refunds_StripeRefundID] UNIQUE ([StripeRefundID]),
    CONSTRAINT [FK_Refunds_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID]),
    CONSTRAINT [FK_Refunds_SubscriptionID] FOREIGN KEY([SubscriptionID]) REFERENCES [Subscriptions] ([SubscriptionID]),
    CONSTRAINT [FK_Refunds_InvoiceID] FOREIGN KEY([InvoiceID]) REFERENCES [Invoices] ([InvoiceID])
);
CREATE INDEX [IX_Refunds_UserID] ON [Refunds] ([UserID]);
CREATE INDEX [IX_Refunds_StripePaymentIntentID] ON [Refunds] ([StripePaymentIntentID]);
CREATE INDEX [IX_Refunds_StripeInvoiceID] ON [Refunds] ([StripeInvoiceID]);
CREATE INDEX [IX_Refunds_StripeCustomerID] ON [Refunds] ([StripeCustomerID]);
CREATE INDEX [IX_Refunds_StripeCreatedAt] ON [Refunds] ([StripeCreatedAt]);
END;

IF OBJECT_ID(N'[BillingEvents]', N'U') IS NULL
BEGIN
CREATE TABLE [BillingEvents] (
    [EventID] BIGINT NOT NULL IDENTITY,
    [StripeEventID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [EventType] NVARCHAR(100) NOT NULL,
    [ObjectID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [StripeCustomerID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [UserID] INTEGER NULL,
    [SubscriptionID] INTEGER NULL,
    [InvoiceID] INTEGER NULL,
    [ApiVersion] NVARCHAR(50) NULL,
    [Livemode] BIT NOT NULL,
    [RequestID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [IdempotencyKey] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [EventData] NVARCHAR(max) NULL,
    [StripeCreatedAt] DATETIME2(6) NOT NULL,
    [ReceivedAt] DATETIME2(6) NOT NULL,
    [ProcessedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [Outcome] NVARCHAR(20) NOT NULL,
    [Reason] NVARCHAR(500) NULL,
    [Error] NVARCHAR(max) NULL,
    [Attempts] INTEGER NOT NULL DEFAULT 1,
    [Changes] NVARCHAR(max) NULL,
    CONSTRAINT [PK_BillingEvents] PRIMARY KEY ([EventID]),
    CONSTRAINT [UQ_BillingEvents_StripeEventID] UNIQUE ([StripeEventID]),
    CONSTRAINT [FK_BillingEvents_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID]),
    CONSTRAINT [FK_BillingEvents_SubscriptionID] FOREIGN KEY([SubscriptionID]) REFERENCES [Subscriptions] ([SubscriptionID]),
    CONSTRAINT [FK_BillingEvents_InvoiceID] FOREIGN KEY([InvoiceID]) REFERENCES [Invoices] ([InvoiceID])
);
CREATE INDEX [IX_BillingEvents_ObjectID] ON [BillingEvents] ([ObjectID]);
CREATE INDEX [IX_BillingEvents_StripeCustomerID] ON [BillingEvents] ([StripeCustomerID]);
CREATE INDEX [IX_BillingEvents_StripeCreatedAt] ON [BillingEvents] ([StripeCreatedAt]);
CREATE INDEX [IX_BillingEvents_Outcome_ProcessedAt] ON [BillingEvents] ([Outcome], [ProcessedAt]);
CREATE INDEX [IX_BillingEvents_UserID_ProcessedAt] ON [BillingEvents] ([UserID], [ProcessedAt]);
CREATE INDEX [IX_BillingEvents_IdempotencyKey] ON [BillingEvents] ([IdempotencyKey]) WHERE [IdempotencyKey] IS NOT NULL;
END;

IF OBJECT_ID(N'[BillingCommands]', N'U') IS NULL
BEGIN
CREATE TABLE [BillingCommands] (
    [BillingCommandID] INTEGER NOT NULL IDENTITY,
    [CommandID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [Name] NVARCHAR(50) NOT NULL,
    [Subject] NVARCHAR(255) NOT NULL,
    [IdempotencyKey] NVARCHAR(255) COLLATE Latin1_General_BIN2 NOT NULL,
    [Arguments] NVARCHAR(max) NOT NULL,
    [UserID] INTEGER NULL,
    [SubscriptionID] INTEGER NULL,
    [InvoiceID] INTEGER NULL,
    [Status] NVARCHAR(20) NOT NULL,
    [Attempts] INTEGER NOT NULL DEFAULT 0,
    [LeasedUntil] DATETIME2(6) NULL,
    [DueAt] DATETIME2(6) NOT NULL,
    [Steps] NVARCHAR(max) NULL,
    [StripeRequestID] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [Result] NVARCHAR(max) NULL,
    [Error] NVARCHAR(max) NULL,
    [FinishedAt] DATETIME2(6) NULL,
    [Revision] INTEGER NOT NULL DEFAULT 1,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_BillingCommands] PRIMARY KEY ([BillingCommandID]),
    CONSTRAINT [UQ_BillingCommands_CommandID] UNIQUE ([CommandID]),
    CONSTRAINT [UQ_BillingCommands_IdempotencyKey] UNIQUE ([IdempotencyKey]),
    CONSTRAINT [FK_BillingCommands_UserID] FOREIGN KEY([UserID]) REFERENCES [Users] ([UserID]),
    CONSTRAINT [FK_BillingCommands_SubscriptionID] FOREIGN KEY([SubscriptionID]) REFERENCES [Subscriptions] ([SubscriptionID]),
    CONSTRAINT [FK_BillingCommands_InvoiceID] FOREIGN KEY([InvoiceID]) REFERENCES [Invoices] ([InvoiceID])
);
CREATE INDEX [IX_BillingCommands_UserID] ON [BillingCommands] ([UserID]);
CREATE INDEX [IX_BillingCommands_Status_DueAt] ON [BillingCommands] ([Status], [DueAt]);
END;

IF OBJECT_ID(N'[BillingCheckpoints]', N'U') IS NULL
BEGIN
CREATE TABLE [BillingCheckpoints] (
    [BillingCheckpointID] INTEGER NOT NULL IDENTITY,
    [Name] NVARCHAR(100) NOT NULL,
    [Value] NVARCHAR(max) NOT NULL,
    [UpdatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_BillingCheckpoints] PRIMARY KEY ([BillingCheckpointID]),
    CONSTRAINT [UQ_BillingCheckpoints_Name] UNIQUE ([Name])
);
END;

IF OBJECT_ID(N'[BillingActions]', N'U') IS NULL
BEGIN
CREATE TABLE [BillingActions] (
    [BillingActionID] INTEGER NOT NULL IDENTITY,
    [Subject] NVARCHAR(255) NOT NULL,
    [Source] NVARCHAR(20) NOT NULL,
    [Action] NVARCHAR(50) NOT NULL,
    [Target] NVARCHAR(255) COLLATE Latin1_General_BIN2 NULL,
    [Details] NVARCHAR(max) NULL,
    [CreatedAt] DATETIME2(6) NOT NULL DEFAULT sysutcdatetime(),
    CONSTRAINT [PK_BillingActions] PRIMARY KEY ([BillingActionID])
);
CREATE INDEX [IX_BillingActions_Target] ON [BillingActions] ([Target]);
END;

IF NOT EXISTS (SELECT 1 FROM [billing_alembic_version])
INSERT INTO billing_alembic_version (version_num) VALUES ('004');

COMMIT;
GO
