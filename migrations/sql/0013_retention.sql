-- What people said is erased: when nobody may keep it any more, and when it has been kept for as long as was agreed.
-- Nobody deletes in the vault, and no role of the service may. These functions are the one door, for the command line
-- and the leading assessor alone. They take the words and the sources of a record and leave what makes the score and
-- its history: times, places, counts, states. Who calls them says what; whether it is due is looked at once more here.

ALTER TABLE vault.purge ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.purge FORCE ROW LEVEL SECURITY;
CREATE POLICY keeps ON vault.purge TO flashpoint_owner USING (true) WITH CHECK (true);
CREATE POLICY scores ON vault.purge FOR SELECT TO flashpoint_assessor USING (true);
CREATE POLICY knows ON vault.purge FOR SELECT TO flashpoint_app, flashpoint_records
    USING (vault.covers(operation)
           AND ((SELECT vault.is_console()) OR EXISTS (SELECT FROM vault.incident i WHERE i.id = subject_id)));

-- A client's own name of a report may say anything, and is kept as this hash. It has to be kept: a telephone that never
-- got its answer sends the report again, and what was withdrawn would be there once more.
CREATE FUNCTION vault.client_digest(submitter uuid, code text, client text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
    SELECT 'purged:' || encode(sha256(convert_to(submitter::text || E'\n' || code || E'\n' || client, 'UTF8')), 'hex')
$$;

CREATE FUNCTION vault.know_purged() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
DECLARE
    hashed CONSTANT text := client_digest(NEW.submitted_by, NEW.operation, NEW.client_id);
BEGIN
    IF EXISTS (SELECT FROM incident i WHERE i.submitted_by = NEW.submitted_by AND i.operation = NEW.operation
               AND i.client_id = hashed) THEN
        NEW.client_id := hashed;  -- and so it clashes, as it would have by its name
    END IF;
    RETURN NEW;
END
$$;

-- The names of an external data set are published numbers, and stay.
CREATE TRIGGER know_purged BEFORE INSERT ON vault.incident
    FOR EACH ROW WHEN (NEW.client_id IS NOT NULL AND left(NEW.origin, 9) <> 'external:')
    EXECUTE FUNCTION vault.know_purged();

-- Whoever took back their consent has taken it back for good, and what they said is erased: nobody reinstates that.
CREATE FUNCTION vault.consent_is_final() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM verification_act a
               WHERE a.incident_id = NEW.incident_id AND a.reason_code = 'consent_withdrawn') THEN
        RAISE EXCEPTION 'consent is missing' USING ERRCODE = 'FP008';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER consent_is_final BEFORE INSERT ON vault.verification_act
    FOR EACH ROW WHEN (NEW.action = 'reinstate') EXECUTE FUNCTION vault.consent_is_final();

-- As a CHECK, 0012 asks this of every row that is written, so that a row from before it could not be blanked either.
ALTER TABLE vault.incident_version DROP CONSTRAINT ck_incident_version_protected_closed;
CREATE FUNCTION vault.protected_stays_closed() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    IF NEW.protected AND (NEW.sharing NOT IN ('cluster', 'restricted') OR NEW.share_above = 'detail') THEN
        RAISE check_violation USING MESSAGE = 'what is protected stays closed';
    END IF;
    RETURN NEW;
END
$$;

-- After mark_protected, by its name.
CREATE TRIGGER protected_stays_closed BEFORE INSERT ON vault.incident_version
    FOR EACH ROW EXECUTE FUNCTION vault.protected_stays_closed();

-- What lost its consent: since when, and by whom. ``at_first``: it was recorded without.
CREATE FUNCTION vault.unconsented(op text)
    RETURNS TABLE (kind text, id uuid, at timestamptz, by_whom uuid, at_first boolean)
    LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
    SELECT 'incident', i.id, v.recorded_at, v.recorded_by, v.version = 1
    FROM incident_version v JOIN incident i ON (i.id, i.version) = (v.incident_id, v.version)
    WHERE v.consent IN ('refused', 'withdrawn') AND i.operation = $1
    UNION ALL
    SELECT 'incident', i.id, a.recorded_at, a.recorded_by, false
    FROM verification_act a JOIN incident i ON i.id = a.incident_id AND i.state = 'withdrawn'
    WHERE a.to_state = 'withdrawn' AND a.reason_code = 'consent_withdrawn' AND i.operation = $1
    UNION ALL
    SELECT 'community', c.id, c.recorded_at, c.recorded_by, c.version = 1 FROM community c
    WHERE c.operation = $1 AND c.known_to IS NULL
      AND (c.consent IN ('refused', 'withdrawn') OR c.withdrawn_reason = 'consent_withdrawn')
    UNION ALL
    SELECT 'assessment', t.id, t.recorded_at, t.recorded_by, t.version = 1 FROM threat_assessment t
    WHERE t.operation = $1 AND t.known_to IS NULL
      AND (t.consent IN ('refused', 'withdrawn') OR t.withdrawn_reason = 'consent_withdrawn')
    UNION ALL
    SELECT 'presence', p.id, p.recorded_at, p.recorded_by, p.version = 1 FROM presence p
    WHERE p.operation = $1 AND p.known_to IS NULL
      AND (p.consent IN ('refused', 'withdrawn') OR p.withdrawn_reason = 'consent_withdrawn')
$$;

-- Whether anything that people said is left of a record.
CREATE FUNCTION vault.has_words(kind text, record uuid) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
    SELECT CASE $1
        WHEN 'incident' THEN
            EXISTS (SELECT FROM source WHERE incident_id = $2) OR EXISTS (SELECT FROM source WHERE merged_from = $2)
            OR EXISTS (SELECT FROM incident_version WHERE incident_id = $2 AND narrative IS NOT NULL)
            OR EXISTS (SELECT FROM verification_act WHERE incident_id = $2 AND reason <> 'purged')
            OR EXISTS (SELECT FROM incident WHERE id = $2 AND octet_length(content_sha256) > 0
                                              AND left(origin, 9) <> 'external:')
        WHEN 'community' THEN EXISTS (SELECT FROM community WHERE id = $2 AND (name <> 'withdrawn'
            OR num_nonnulls(surrounded_by, protective_presence) > 0))
        WHEN 'assessment' THEN EXISTS (SELECT FROM threat_assessment WHERE id = $2 AND reason <> 'withdrawn')
        ELSE EXISTS (SELECT FROM presence WHERE id = $2 AND note IS NOT NULL)
    END
$$;

-- What is due in an operation: what lost its consent, at once; incidents that nobody touched since ``before``, where
-- that is given. ``held``: more than 20 of one person within a day. Taken out of use they are all the same; but nobody
-- who is pressed, and no key that was stolen, erases the evidence of an operation before somebody else has looked.
CREATE FUNCTION vault.due_for_purge(op text, before timestamptz, most integer)
    RETURNS TABLE (kind text, id uuid, reason text, sources integer, held boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
    WITH refused AS (
        SELECT DISTINCT ON (kind, id) u.*,
               by_whom <> '00000000-0000-0000-0000-000000000001' AND NOT at_first AND count(*) FILTER (WHERE NOT at_first)
                   OVER (PARTITION BY by_whom ORDER BY at RANGE BETWEEN interval '1 day' PRECEDING AND CURRENT ROW) > 20
               AS held
        FROM unconsented($1) u ORDER BY kind, id, at
    ), due AS (
        SELECT kind, id, 'consent' AS reason, held FROM refused WHERE has_words(kind, id)
        UNION ALL
        SELECT 'incident', i.id, 'retention', false
        FROM (SELECT incident_id AS id FROM source WHERE recorded_at < $2
              UNION SELECT incident_id FROM incident_version WHERE narrative IS NOT NULL AND recorded_at < $2
              UNION SELECT incident_id FROM verification_act WHERE reason <> 'purged' AND recorded_at < $2
              UNION SELECT id FROM incident WHERE operation = $1 AND recorded_at < $2
                    AND octet_length(content_sha256) > 0 AND left(origin, 9) <> 'external:') AS said
        JOIN incident i ON i.id = said.id AND i.operation = $1
        WHERE NOT EXISTS (SELECT FROM source s WHERE s.incident_id = i.id AND s.recorded_at >= $2)
          AND NOT EXISTS (SELECT FROM incident_version v WHERE v.incident_id = i.id AND v.recorded_at >= $2)
          AND NOT EXISTS (SELECT FROM verification_act a WHERE a.incident_id = i.id AND a.recorded_at >= $2)
          AND NOT EXISTS (SELECT FROM refused r WHERE r.id = i.id)
    )
    SELECT d.kind, d.id, d.reason, (SELECT count(*)::integer FROM source s
        WHERE s.incident_id = d.id OR (d.reason = 'consent' AND s.merged_from = d.id)), d.held
    FROM due d WHERE is_console() ORDER BY d.held, d.reason, d.id LIMIT $3
$$;

-- Incidents: their sources go, their narratives, the reasons of their acts and the client's name for them. For want of
-- consent also the copies of their sources that a merge carried elsewhere. Only what was recorded until an instant:
-- after a restore, what came later is none of what was purged then. What is not due is left alone.
CREATE FUNCTION vault.purge_incidents(ids uuid[], why text, until timestamptz, at timestamptz)
    RETURNS TABLE (id uuid, sources integer)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT is_console() THEN
        RAISE EXCEPTION 'only the command line purges' USING ERRCODE = 'FP130';
    END IF;
    RETURN QUERY
    WITH chosen AS (
        SELECT i.id, i.operation FROM incident i JOIN incident_version v ON (v.incident_id, v.version) = (i.id, i.version)
        WHERE i.id = ANY (ids) AND CASE why
            WHEN 'consent' THEN i.state = 'withdrawn' OR v.consent IN ('refused', 'withdrawn')
            -- No protocol keeps for less.
            WHEN 'retention' THEN until - interval '30 days' >= ALL (
                SELECT s.recorded_at FROM source s WHERE s.incident_id = i.id AND s.recorded_at <= until
                UNION ALL SELECT o.recorded_at FROM incident_version o WHERE o.incident_id = i.id AND o.recorded_at <= until
                UNION ALL SELECT a.recorded_at FROM verification_act a WHERE a.incident_id = i.id AND a.recorded_at <= until)
            ELSE false END
        ORDER BY i.id FOR UPDATE OF i
    ), erased AS (
        DELETE FROM source s USING chosen c
        WHERE (s.incident_id = c.id OR (why = 'consent' AND s.merged_from = c.id)) AND s.recorded_at <= until
        RETURNING c.id
    ), unsaid AS (
        UPDATE incident_version v SET narrative = NULL FROM chosen c
        WHERE v.incident_id = c.id AND v.narrative IS NOT NULL AND v.recorded_at <= until RETURNING c.id
    ), unreasoned AS (
        -- Some acts need a reason.
        UPDATE verification_act a SET reason = 'purged' FROM chosen c
        WHERE a.incident_id = c.id AND a.reason <> 'purged' AND a.recorded_at <= until RETURNING c.id
    ), unnamed AS (
        UPDATE incident i SET content_sha256 = '', client_id = CASE WHEN i.client_id LIKE 'purged:%' THEN i.client_id
                              ELSE client_digest(i.submitted_by, i.operation, i.client_id) END
        FROM chosen c WHERE i.id = c.id AND octet_length(i.content_sha256) > 0 AND left(i.origin, 9) <> 'external:'
        RETURNING c.id
    ), touched AS (
        SELECT t.id, sum(t.one)::integer AS sources
        FROM (SELECT e.id, 1 AS one FROM erased e UNION ALL SELECT u.id, 0 FROM unsaid u
              UNION ALL SELECT u.id, 0 FROM unreasoned u UNION ALL SELECT u.id, 0 FROM unnamed u) AS t
        GROUP BY t.id
    )
    INSERT INTO purge (kind, subject_id, operation, recorded_at, recorded_by, sources, reason)
    SELECT 'incident', t.id, c.operation, at, me(), t.sources, why FROM touched t JOIN chosen c USING (id) ORDER BY t.id
    RETURNING subject_id, sources;
END
$$;

-- Communities, assessments and presences that are gone: what people wrote of them, in every version.
CREATE FUNCTION vault.purge_subjects(kind text, ids uuid[], at timestamptz) RETURNS SETOF uuid
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    subjects CONSTANT text := CASE kind WHEN 'assessment' THEN 'threat_assessment' ELSE kind END;
    blanks CONSTANT text := CASE kind
        WHEN 'community' THEN $blank$name = 'withdrawn', surrounded_by = NULL, protective_presence = NULL$blank$
        WHEN 'assessment' THEN $blank$reason = 'withdrawn'$blank$
        WHEN 'presence' THEN $blank$note = NULL$blank$ END;
BEGIN
    IF NOT is_console() THEN
        RAISE EXCEPTION 'only the command line purges' USING ERRCODE = 'FP130';
    END IF;
    RETURN QUERY EXECUTE format($query$
        WITH chosen AS (
            SELECT s.id, s.operation FROM %1$I s
            WHERE s.id = ANY ($1) AND s.known_to IS NULL AND has_words($2, s.id)
              AND (s.consent IN ('refused', 'withdrawn') OR s.withdrawn_reason IS NOT NULL)
        ), blanked AS (
            UPDATE %1$I s SET %2$s FROM chosen c WHERE s.id = c.id RETURNING s.id
        )
        INSERT INTO purge (kind, subject_id, operation, recorded_at, recorded_by, sources, reason)
        SELECT $2, c.id, c.operation, $3, me(), 0, 'consent' FROM chosen c WHERE c.id IN (SELECT b.id FROM blanked b)
        RETURNING subject_id $query$, subjects, blanks) USING ids, kind, at;
END
$$;

GRANT SELECT ON vault.purge TO flashpoint_app, flashpoint_records, flashpoint_assessor;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.client_digest, vault.due_for_purge, vault.purge_incidents, vault.purge_subjects
    TO flashpoint_app;
