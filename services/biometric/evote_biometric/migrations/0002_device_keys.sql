-- Additive, so that a replica of the version before may go on beside this one.

-- The key of the device that an order to verify names, for the verdict.
ALTER TABLE vault_orders ADD COLUMN device_key text;
