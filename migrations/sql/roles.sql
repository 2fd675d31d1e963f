-- Who owns and who uses. Roles belong to the whole cluster, so they may be there already.
--   flashpoint_owner     owns both schemas and everything in them; nobody logs in as it
--   flashpoint_app       adds to the vault, and reads of it what the actor may know of; owns nothing
--   flashpoint_records   reads what the actor may know of; adds to the audit log alone
--   flashpoint_assessor  reads what scores are made of, writes releases
--   flashpoint_keys      people and keys
--   flashpoint_auditor   reads the audit log
--   flashpoint_reader    reads releases and has no privilege at all on the vault
-- The service logs in as whoever migrates and narrows itself with SET LOCAL ROLE in every transaction.
DO $$
DECLARE
    wanted text;
BEGIN
    -- Roles are cluster-wide: two databases being set up at once must not race for them.
    PERFORM pg_advisory_xact_lock(hashtext('flashpoint.roles'));
    FOREACH wanted IN ARRAY ARRAY['flashpoint_owner', 'flashpoint_app', 'flashpoint_records', 'flashpoint_assessor',
                                  'flashpoint_keys', 'flashpoint_auditor', 'flashpoint_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- another database of this cluster was faster
            END;
        END IF;
        BEGIN
            -- Even for whoever just made the role: from PostgreSQL 16 on, that alone does not allow SET ROLE.
            EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;  -- granted by somebody else, or SET ROLE below will say what is missing
        END;
    END LOOP;
END
$$;

CREATE EXTENSION IF NOT EXISTS postgis;
CREATE SCHEMA IF NOT EXISTS vault AUTHORIZATION flashpoint_owner;
CREATE SCHEMA IF NOT EXISTS release AUTHORIZATION flashpoint_owner;
