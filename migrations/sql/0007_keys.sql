-- A key, or an enrolment, may end sooner and never later; its last day of use goes forward.

CREATE FUNCTION vault.end_sooner() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    IF NEW.expires_at > OLD.expires_at
       OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
       OR NEW.last_used_on < OLD.last_used_on OR (OLD.last_used_on IS NOT NULL AND NEW.last_used_on IS NULL) THEN
        RAISE EXCEPTION 'a key never comes back' USING ERRCODE = 'FP070';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER end_sooner BEFORE UPDATE ON vault.api_key
    FOR EACH ROW EXECUTE FUNCTION vault.end_sooner();

-- That a key was used is written every day, and is no reason for every process to read all keys anew.
DROP TRIGGER keys_changed ON vault.api_key;
CREATE TRIGGER keys_changed AFTER INSERT OR UPDATE OF expires_at, revoked_at ON vault.api_key
    FOR EACH STATEMENT EXECUTE FUNCTION vault.keys_changed();

REVOKE EXECUTE ON FUNCTION vault.end_sooner FROM PUBLIC;
GRANT UPDATE (expires_at, last_used_on) ON vault.api_key TO flashpoint_keys;
