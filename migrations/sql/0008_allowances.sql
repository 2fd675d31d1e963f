-- Allowances are for the role that knows the keys, and for nobody else.

ALTER TABLE vault.allowance ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.allowance FORCE ROW LEVEL SECURITY;
CREATE POLICY keeps ON vault.allowance TO flashpoint_owner USING (true) WITH CHECK (true);
CREATE POLICY leases ON vault.allowance TO flashpoint_keys USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE, UPDATE (taken) ON vault.allowance TO flashpoint_keys;
