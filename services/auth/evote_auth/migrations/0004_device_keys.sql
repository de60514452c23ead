-- Additive, so that a replica of the version before may go on beside this one.

-- The key of the device that asked, and the request that used this up: the same request again gets the same answer, sealed
-- anew. What the version before gave out names no device; nothing is released for it.
ALTER TABLE vault_challenges ADD COLUMN device_key text, ADD COLUMN released_to text;
ALTER TABLE vault_face_orders ADD COLUMN device_key text, ADD COLUMN released_to text;
