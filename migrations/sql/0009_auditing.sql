-- The log takes ids, numbers and words of ours. flashpoint/store/audit.py takes less still; this is what holds whoever
-- writes. What was logged before stays as it is: it cannot be changed, and is not looked at.
ALTER TABLE vault.audit
    ADD CONSTRAINT ck_audit_plain_words CHECK (
        action ~ '^[a-z_]{1,40}(\.[a-z_]{1,40})?$' AND subject ~ '^[a-z_]{1,40}$'
        AND subject_id ~ '^[A-Za-z0-9_-]{1,64}$' AND operation ~ '^[A-Za-z0-9_]{1,16}$') NOT VALID,
    ADD CONSTRAINT ck_audit_plain_detail CHECK (
        jsonb_typeof(detail) = 'object'
        AND NOT jsonb_path_exists(detail - 'ids',
            '$.** ? (@.type() == "string" && !(@ like_regex "^[A-Za-z0-9_.:+-]{0,80}$"))')
        -- A thousand ids: looked at one by one they would hold the lock of the chain ten times as long as now.
        AND coalesce((detail -> 'ids')::text ~ '^\[("[0-9a-f-]{36}", )*("[0-9a-f-]{36}")?\]$', true)) NOT VALID;

-- The rows that show or concern a record, of those that the actor may read. Under a policy the index on detail would
-- not be used: what it compares by is not leakproof. So it is asked here, by the owner, and the answer cut to size.
CREATE FUNCTION vault.audit_of(record uuid) RETURNS SETOF bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT seq FROM (
        SELECT seq, operation FROM audit WHERE subject_id = $1::text
        UNION
        SELECT seq, operation FROM audit WHERE detail @> jsonb_build_object('ids', jsonb_build_array($1))
        UNION
        SELECT seq, operation FROM audit WHERE detail @> jsonb_build_object('duplicate_of', $1)
        UNION
        SELECT seq, operation FROM audit WHERE detail @> jsonb_build_object('successor', $1)
        UNION
        SELECT seq, operation FROM audit WHERE detail @> jsonb_build_object('replaces', $1)
    ) AS found
    WHERE CASE WHEN operation IS NULL THEN covers('*') ELSE covers(operation) END
$$;

-- What is recorded is in the log with that very instant: what has none was taken out of the log. How many rows there are
-- of that kind, and since when; for the console alone, since it counts everywhere. (Not by whom: sources that a merge
-- takes over keep the name of whoever recorded them first.)
CREATE FUNCTION vault.unlogged(OUT rows bigint, OUT since timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    SELECT count(*), min(recorded_at) FROM (
        SELECT recorded_at FROM incident_version
        UNION ALL SELECT recorded_at FROM verification_act
        UNION ALL SELECT recorded_at FROM source
        UNION ALL SELECT recorded_at FROM admin_unit
        UNION ALL SELECT recorded_at FROM locality
        UNION ALL SELECT recorded_at FROM community
        UNION ALL SELECT recorded_at FROM threat_assessment
        UNION ALL SELECT recorded_at FROM presence
        UNION ALL SELECT recorded_at FROM methodology
        UNION ALL SELECT recorded_at FROM methodology_in_force
    ) AS told
    WHERE is_console() AND NOT EXISTS (SELECT FROM audit a WHERE a.at = told.recorded_at)
$$;

REVOKE EXECUTE ON FUNCTION vault.audit_of, vault.unlogged FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.audit_of, vault.unlogged TO flashpoint_auditor;
