"""What is taken out of an event before it is stored, by the name of the field, wherever in the event it stands.

Names are of https://docs.stripe.com/api and of earlier API versions (tests/eras), of texts and of whole objects.
tests/billing_core/test_personal_fields.py goes through Stripe's OpenAPI document: each field of our events that reads
as if it were personal is here, to be taken out or to be kept.
"""

# They let their holder act: confirm a payment, be taken for the customer.
_SECRETS = """
    client_secret client_token confirmation_secret application_cryptogram emv_auth_data evidence_transaction_certificate
    radar_options code_verification
"""

# Who somebody is, and how to reach them.
_PEOPLE = """
    name first_name last_name business_name individual_name customer_name payer_name cardholder_name
    account_holder_name verified_name sender_name refund_account_holder_name shipping_first_name shipping_last_name
    email customer_email customer_email_address receipt_email payer_email verified_email email_sent instructions_email
    phone phone_number customer_phone verified_phone verified_phone_last4 dob gender owner
    preferred_locales preferred_locale preferred_language locale
"""

_ADDRESSES = """
    address billing_details billing_address customer_address shipping shipping_address shipping_details
    customer_shipping account_holder_address verified_address
    address_line1 address_line2 address_city address_state address_zip address_country
    line1 line2 city state postal_code from_postal_code to_postal_code
    refund_account_holder_address_city refund_account_holder_address_country refund_account_holder_address_line1
    refund_account_holder_address_line2 refund_account_holder_address_postal_code refund_account_holder_address_state
    bank_address bank_address_city bank_address_line_1 bank_address_line_2 bank_address_postal_code
"""

# From where, and with which device.
_PLACES = """
    ip ip_address ip_address_location customer_purchase_ip location latitude longitude user_agent
    customer_device_fingerprint customer_device_id device_fingerprint
"""

# What tells one card or account from all others.
_ACCOUNTS = """
    fingerprint iin dynamic_last4 wallet receipt generated_from generated_card
    account_number account_number_last4 routing_number refund_routing_number sort_code bsb_number transit_number
    institution_number bank_code branch_code branch_name bank bank_name bic swift_code iban iban_last4 refund_iban
    clabe suffix financial_addresses reader receiver
    buyer_id buyer_address payer_id cashtag vpa billing_agreement_id customer_account_id
    evidence_customer_signature
"""

_TAX = "tax_id tax_ids tax_info tax_info_verification customer_tax_ids"

# Whoever has the address of such a page sees the customer's papers without logging in.
_LINKS = """
    hosted_invoice_url invoice_pdf receipt_url hosted_instructions_url hosted_verification_url hosted_voucher_url
    mandate_url native_url qr_code_url return_url redirect redirect_url next_action
    pay_later_redirect_url pay_now_redirect_url pay_over_time_redirect_url
"""

# Written by people about people, given to a bank as evidence, or Stripe's words, which can quote what a customer typed.
_TEXTS = "description comment footer custom_fields evidence fraud_details message failure_message"

PERSONAL = frozenset(f"{_SECRETS} {_PEOPLE} {_ADDRESSES} {_PLACES} {_ACCOUNTS} {_TAX} {_LINKS} {_TEXTS}".split())

# Of metadata, which holds whatever an application put there, these keys alone are kept: whose the object is, and
# which of our commands made it. BILLING_METADATA_KEPT names more.
METADATA = frozenset({"user_id", "app", "billing_command_id", "billing_changed_by"})

# What reads as if it were personal, and why it stays.
KEPT = {
    "last4": "PaymentMethods has it: a receipt shows it",
    "number": "an invoice's number, which Invoices has",
    "metadata": "reduced to METADATA",
    "customer_account": "Stripe's ID",
    "customer_balance": "an amount, or a way to pay",
    "customer_cash_balance": "says that a refund went there",
    "customer_notification": "whether a notice was sent, and when",
    "customer_reference": "an order number of the merchant's",
    "account_name": "ours, as invoices show it",
    "account_holder_type": "individual or company",
    "refund_account_holder_type": "individual or company",
    "address_line1_check": "whether the bank knew it: pass, fail, unavailable, unchecked",
    "address_postal_code_check": "the same",
    "address_zip_check": "the same",
    "requested_address_types": "kinds of bank details",
    "application_preferred_name": "of a card's application: VISA CREDIT",
    "display_name": "of a tax rate or a kind of payment",
    "nickname": "of a price",
    "pay_later_name": "of an offer",
    "pay_now_name": "of an offer",
    "pay_over_time_name": "of an offer",
    "product_name": "what is sold",
    "product_description": "what is sold",
    "interval_description": "how often a mandate is used",
    "image_url": "of what is sold",
    "logo_url": "of a way to pay",
    "background_image_url": "of a way to pay",
    "product_url": "what is sold",
    "custom_mandate_url": "terms of the merchant's",
    "doc_url": "a page of Stripe's documentation",
    "request_log_url": "a page of Stripe's dashboard, behind its login",
    "pay_later_asset_urls_descriptive": "a picture",
    "pay_later_asset_urls_standard": "a picture",
    "pay_now_asset_urls_descriptive": "a picture",
    "pay_now_asset_urls_standard": "a picture",
    "pay_over_time_asset_urls_descriptive": "a picture",
    "pay_over_time_asset_urls_standard": "a picture",
    "url": "Stripe's path of a list or an object",
    "shipping_cost": "an amount",
    "shipping_rate": "Stripe's ID",
    "evidence_details": "until when evidence is due: Disputes has it",
    "receipt_number": "of a receipt, as an invoice's number",
    "seller_message": "one of some sentences of Stripe's",
    "network_token": "whether one was used",
    "tokenization_method": "apple_pay, android_pay, …",
    "zip": "a way to pay of this name",
    "pdf": "of a voucher, by its address only inside next_action",
    "payer_details": "its birth date and address go by their own names",
    "dedicated_file_name": "of a card's application: A0000000031010",
    "mandate": "Stripe's ID",
    "visa_compelling_evidence_3": "whether it can be given",
    "visa_compliance": "the same",
    "pos_device_id": "of the merchant's terminal",
}
