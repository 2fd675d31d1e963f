-- A wall inside the vault. Whoever asks, the database shows the rows that the actor of the transaction may know of, and
-- takes rows that the actor writes in their own name. The service asks for the same in its queries; what it forgets is
-- refused here. Nothing set, or something empty set, is nobody: no row.
--
--   flashpoint.actor       the id of the actor
--   flashpoint.operations  codes, separated by commas; * for all
--   flashpoint.clearance   the sharing levels that the actor's role may learn of
--   flashpoint.protected   'yes' where the role may learn of what is protected

CREATE FUNCTION vault.me() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
    SELECT nullif(current_setting('flashpoint.actor', true), '')::uuid
$$;

CREATE FUNCTION vault.is_console() RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
    SELECT coalesce(vault.me() = '00000000-0000-0000-0000-000000000001', false)
$$;

-- Without SET, so that it is inlined: it is asked of every row.
CREATE FUNCTION vault.covers(op text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(op = ANY (string_to_array(nullif(current_setting('flashpoint.operations', true), ''), ','))
                    OR current_setting('flashpoint.operations', true) = '*', false)
$$;

CREATE FUNCTION vault.cleared(level text, is_protected boolean) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(level = ANY (string_to_array(nullif(current_setting('flashpoint.clearance', true), ''), ','))
                    AND (NOT is_protected OR current_setting('flashpoint.protected', true) = 'yes'), false)
$$;

-- What a category is here. One that this table does not know is protected: unknown is most closed.
CREATE FUNCTION vault.is_protected(code text, splits jsonb) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT c.protected FROM category c WHERE c.code = $1), true)
        OR coalesce((splits #>> '{killed,child}')::integer > 0, false)
        OR coalesce((splits #>> '{injured,child}')::integer > 0, false)
        OR coalesce((splits #>> '{abducted,child}')::integer > 0, false);
END
$$;

-- Rows from before: their versions are never changed otherwise, and this only says what they always were.
UPDATE vault.incident_version SET protected = vault.is_protected(category, splits);
UPDATE vault.incident i SET sharing = v.sharing, protected = v.protected
    FROM vault.incident_version v WHERE v.incident_id = i.id AND v.version = i.version;
ALTER TABLE vault.incident_version ALTER COLUMN protected DROP DEFAULT;

CREATE FUNCTION vault.mark_protected() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    NEW.protected := is_protected(NEW.category, NEW.splits);
    -- The incident is known to whoever may know of its current version.
    UPDATE incident SET sharing = NEW.sharing, protected = NEW.protected WHERE id = NEW.incident_id;
    RETURN NEW;
END
$$;

-- After begin_incident_version, which refuses a version out of turn: triggers fire in the order of their names.
CREATE TRIGGER mark_protected BEFORE INSERT ON vault.incident_version
    FOR EACH ROW EXECUTE FUNCTION vault.mark_protected();

-- Who recorded the first version of a subject: its policy cannot ask its own table.
CREATE FUNCTION vault.began(kind text, subject uuid) RETURNS uuid
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    who uuid;
BEGIN
    IF kind = 'community' THEN
        SELECT recorded_by INTO who FROM community WHERE id = subject AND version = 1;
    ELSIF kind = 'threat_assessment' THEN
        SELECT recorded_by INTO who FROM threat_assessment WHERE id = subject AND version = 1;
    ELSIF kind = 'presence' THEN
        SELECT recorded_by INTO who FROM presence WHERE id = subject AND version = 1;
    END IF;
    RETURN who;
END
$$;

-- Whether the actor may add to an incident: whoever may know of it, and whoever just wrote its current version, which may
-- have closed it to themselves. (In PL/pgSQL, which keeps its plan: it is asked of every statement that adds something.)
CREATE FUNCTION vault.may_add(incident uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM incident i
                   WHERE i.id = $1 AND covers(i.operation)
                     AND (cleared(i.sharing, i.protected) OR i.submitted_by = me() OR is_console()
                          OR EXISTS (SELECT FROM incident_version v
                                     WHERE v.incident_id = i.id AND v.version = i.version AND v.recorded_by = me())));
END
$$;

-- Placing looks at every locality around a point, by an index that a policy would switch off: it runs as the owner, and
-- for whoever may enter the operation alone.
CREATE FUNCTION vault.place_versions(ids uuid[], of_version integer, at timestamptz) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = vault, public, pg_temp AS $$
    WITH cut AS MATERIALIZED (SELECT DISTINCT operation, known_at AS at FROM succession)
    INSERT INTO placement
        (incident_id, version, recorded_at, known_at, known_to, closed_at, locality_id, unit_pcode, outside_claimed)
    SELECT v.incident_id, v.version, at, span.since, span.until, CASE WHEN span.until IS NOT NULL THEN at END,
           p.locality_id, p.unit_pcode, p.outside_claimed
    FROM incident_version v JOIN incident i ON i.id = v.incident_id
    CROSS JOIN LATERAL (
        SELECT since, lead(since) OVER (ORDER BY since) AS until
        FROM (SELECT v.known_at UNION ALL
              SELECT cut.at FROM cut WHERE cut.operation = i.operation AND cut.at > v.known_at) AS start (since)
    ) AS span
    CROSS JOIN LATERAL place(i.operation, v.geom, v.geo_precision, v.admin_pcode, v.recorded_at,
                             span.until - interval '1 microsecond') p
    WHERE v.incident_id = ANY (ids) AND v.version = of_version AND covers(i.operation)
$$;

CREATE FUNCTION vault.place_again(code text, since timestamptz, at timestamptz) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, public, pg_temp AS $$
DECLARE
    moved bigint;
BEGIN
    IF NOT covers(code) THEN
        RETURN 0;
    END IF;
    CREATE TEMPORARY TABLE moved_placement ON COMMIT DROP AS
        SELECT old.incident_id, old.version, greatest(since, old.known_at) AS known_to,
               p.locality_id, p.unit_pcode, p.outside_claimed
        FROM placement old
        JOIN incident_version v USING (incident_id, version)
        JOIN incident i ON i.id = v.incident_id,
             LATERAL place(i.operation, v.geom, v.geo_precision, v.admin_pcode, v.recorded_at) p
        WHERE i.operation = code AND old.known_to IS NULL
          AND (p.locality_id, p.unit_pcode, p.outside_claimed)
              IS DISTINCT FROM (old.locality_id, old.unit_pcode, old.outside_claimed);
    UPDATE placement old SET known_to = m.known_to, closed_at = at FROM pg_temp.moved_placement m
        WHERE (old.incident_id, old.version) = (m.incident_id, m.version) AND old.known_to IS NULL;
    GET DIAGNOSTICS moved = ROW_COUNT;
    -- A statement of its own: one that closes and opens at once may open first, and there is one open row a version.
    INSERT INTO placement (incident_id, version, recorded_at, known_at, locality_id, unit_pcode, outside_claimed)
        SELECT m.incident_id, m.version, at, m.known_to, m.locality_id, m.unit_pcode, m.outside_claimed
        FROM pg_temp.moved_placement m;
    DROP TABLE pg_temp.moved_placement;
    RETURN moved;
END
$$;

-- What each audience may read of the method was a view that read the vault for a role that must not. Now it is rows,
-- written when the method changes: the reader's role has no way into the vault at all.
CREATE FUNCTION vault.release_method() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    code text := CASE TG_TABLE_NAME WHEN 'operation' THEN to_jsonb(NEW) ->> 'code' ELSE to_jsonb(NEW) ->> 'operation' END;
BEGIN
    DELETE FROM release.method WHERE operation = code;
    INSERT INTO release.method
        (operation, audience, version, parameters, based_on, recorded_at, recorded_by, reason)
    WITH version AS (
        SELECT m.*, EXISTS (SELECT FROM methodology_in_force f
                            WHERE (f.operation, f.version) = (m.operation, m.version)) AS was_in_force
        FROM methodology m WHERE m.operation = code
    )
    SELECT code, a.audience, m.version, m.parameters,
           CASE WHEN a.audience = 'cluster' OR b.was_in_force IS NOT false THEN m.based_on END,
           CASE a.audience WHEN 'cluster' THEN m.recorded_at END,
           CASE a.audience WHEN 'cluster' THEN p.handle END,
           CASE a.audience WHEN 'cluster' THEN m.reason END
    FROM (VALUES ('cluster'), ('mission')) AS a (audience)
    LEFT JOIN version m ON a.audience = 'cluster' OR m.was_in_force
    LEFT JOIN version b ON b.version = m.based_on
    LEFT JOIN actor p ON p.id = m.recorded_by;
    DELETE FROM release.method_in_force WHERE operation = code;
    INSERT INTO release.method_in_force (operation, audience, id, version, known_at, recorded_at, reason, recorded_by)
    SELECT code, a.audience, f.id, f.version, f.known_at, f.recorded_at, f.reason,
           CASE a.audience WHEN 'cluster' THEN p.handle END
    FROM methodology_in_force f
    CROSS JOIN (VALUES ('cluster'), ('mission')) AS a (audience)
    JOIN actor p ON p.id = f.recorded_by
    WHERE f.operation = code;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY['operation', 'methodology', 'methodology_in_force'] LOOP
        EXECUTE format('CREATE TRIGGER release_method AFTER INSERT ON vault.%I
                        FOR EACH ROW EXECUTE FUNCTION vault.release_method()', subject);
    END LOOP;
END
$$;

INSERT INTO release.method (operation, audience, version, parameters, based_on, recorded_at, recorded_by, reason)
    WITH version AS (
        SELECT m.*, EXISTS (SELECT FROM vault.methodology_in_force f
                            WHERE (f.operation, f.version) = (m.operation, m.version)) AS was_in_force
        FROM vault.methodology m
    )
    SELECT o.code, a.audience, m.version, m.parameters,
           CASE WHEN a.audience = 'cluster' OR b.was_in_force IS NOT false THEN m.based_on END,
           CASE a.audience WHEN 'cluster' THEN m.recorded_at END,
           CASE a.audience WHEN 'cluster' THEN p.handle END,
           CASE a.audience WHEN 'cluster' THEN m.reason END
    FROM vault.operation o
    CROSS JOIN (VALUES ('cluster'), ('mission')) AS a (audience)
    LEFT JOIN version m ON m.operation = o.code AND (a.audience = 'cluster' OR m.was_in_force)
    LEFT JOIN version b ON b.operation = m.operation AND b.version = m.based_on
    LEFT JOIN vault.actor p ON p.id = m.recorded_by;
INSERT INTO release.method_in_force (operation, audience, id, version, known_at, recorded_at, reason, recorded_by)
    SELECT f.operation, a.audience, f.id, f.version, f.known_at, f.recorded_at, f.reason,
           CASE a.audience WHEN 'cluster' THEN p.handle END
    FROM vault.methodology_in_force f
    CROSS JOIN (VALUES ('cluster'), ('mission')) AS a (audience)
    JOIN vault.actor p ON p.id = f.recorded_by;

-- Every table of the vault: walls for its owner too, who keeps them by trigger functions.
DO $$
DECLARE
    subject text;
BEGIN
    FOR subject IN SELECT tablename FROM pg_tables WHERE schemaname = 'vault' AND tablename <> 'alembic_version' LOOP
        EXECUTE format('ALTER TABLE vault.%I ENABLE ROW LEVEL SECURITY', subject);
        EXECUTE format('ALTER TABLE vault.%I FORCE ROW LEVEL SECURITY', subject);
        EXECUTE format('CREATE POLICY keeps ON vault.%I TO flashpoint_owner USING (true) WITH CHECK (true)', subject);
    END LOOP;
    -- Scores are made of all that counts, and of nothing that somebody said.
    FOREACH subject IN ARRAY ARRAY['actor', 'operation', 'admin_unit', 'locality', 'succession', 'incident',
                                   'incident_version', 'placement', 'verification_act', 'transition_rule', 'evidence',
                                   'community', 'threat_assessment', 'presence', 'category', 'methodology',
                                   'methodology_in_force'] LOOP
        EXECUTE format('CREATE POLICY scores ON vault.%I FOR SELECT TO flashpoint_assessor USING (true)', subject);
    END LOOP;
    -- What belongs to an operation and is no secret within it.
    FOREACH subject IN ARRAY ARRAY['admin_unit', 'locality', 'succession', 'methodology', 'methodology_in_force'] LOOP
        EXECUTE format('CREATE POLICY enters ON vault.%I TO flashpoint_app, flashpoint_records
            USING (vault.covers(operation))
            WITH CHECK (vault.covers(operation) AND (recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console())))',
            subject);
    END LOOP;
    FOREACH subject IN ARRAY ARRAY['community', 'threat_assessment', 'presence'] LOOP
        EXECUTE format('CREATE POLICY knows ON vault.%1$I TO flashpoint_app, flashpoint_records
            USING (vault.covers(operation)
                   AND (vault.cleared(sharing, false) OR vault.began(%1$L, id) = (SELECT vault.me())))
            WITH CHECK (vault.covers(operation) AND (recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console())))',
            subject);
    END LOOP;
    -- What hangs on an incident is known to whoever may know of the incident, whose own policy answers that.
    FOREACH subject IN ARRAY ARRAY['source', 'verification_act'] LOOP
        EXECUTE format('CREATE POLICY knows ON vault.%I TO flashpoint_app, flashpoint_records
            USING (EXISTS (SELECT FROM vault.incident i WHERE i.id = incident_id))
            WITH CHECK ((recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console()))
                        AND vault.may_add(incident_id))', subject);
    END LOOP;
    FOREACH subject IN ARRAY ARRAY['placement', 'evidence'] LOOP
        EXECUTE format('CREATE POLICY knows ON vault.%I FOR SELECT TO flashpoint_app, flashpoint_records
            USING (EXISTS (SELECT FROM vault.incident i WHERE i.id = incident_id))', subject);
    END LOOP;
    FOREACH subject IN ARRAY ARRAY['transition_rule', 'category'] LOOP
        EXECUTE format('CREATE POLICY reads ON vault.%I FOR SELECT TO flashpoint_app, flashpoint_records USING (true)',
                       subject);
    END LOOP;
END
$$;

CREATE POLICY enters ON vault.operation FOR SELECT TO flashpoint_app, flashpoint_records USING (vault.covers(code));
CREATE POLICY founds ON vault.operation FOR INSERT TO flashpoint_app
    WITH CHECK (vault.covers(code) AND (recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console())));
CREATE POLICY widens ON vault.operation FOR UPDATE TO flashpoint_app USING (vault.covers(code));

-- An incident without a version yet is its submitter's alone.
CREATE POLICY knows ON vault.incident FOR SELECT TO flashpoint_app, flashpoint_records
    USING (vault.covers(operation)
           AND (vault.cleared(sharing, protected) OR submitted_by = (SELECT vault.me()) OR (SELECT vault.is_console())));
CREATE POLICY reports ON vault.incident FOR INSERT TO flashpoint_app
    WITH CHECK (vault.covers(operation) AND (submitted_by = (SELECT vault.me()) OR (SELECT vault.is_console())));

-- Each version has a level of its own: that a later one is more open opens no earlier one.
CREATE POLICY knows ON vault.incident_version FOR SELECT TO flashpoint_app, flashpoint_records
    USING (EXISTS (SELECT FROM vault.incident i WHERE i.id = incident_id
                   AND (i.submitted_by = (SELECT vault.me()) OR vault.cleared(incident_version.sharing,
                                                                              incident_version.protected))));
CREATE POLICY reports ON vault.incident_version FOR INSERT TO flashpoint_app
    WITH CHECK ((recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console())) AND vault.may_add(incident_id));

-- Handles are pseudonyms; who stands behind one is known nowhere here.
CREATE POLICY reads ON vault.actor FOR SELECT
    TO flashpoint_app, flashpoint_records, flashpoint_keys, flashpoint_auditor USING (true);
CREATE POLICY joins ON vault.actor FOR INSERT TO flashpoint_app, flashpoint_keys WITH CHECK (true);

CREATE POLICY holds ON vault.api_key TO flashpoint_keys USING (true) WITH CHECK (true);

CREATE POLICY asks ON vault.idempotency TO flashpoint_app
    USING (actor_id = (SELECT vault.me())) WITH CHECK (actor_id = (SELECT vault.me()));

-- Everybody writes in their own name; the auditor reads what their key covers.
CREATE POLICY logs ON vault.audit FOR INSERT
    TO flashpoint_app, flashpoint_records, flashpoint_keys, flashpoint_auditor
    WITH CHECK (actor_id = (SELECT vault.me()) OR (SELECT vault.is_console()));
CREATE POLICY audits ON vault.audit FOR SELECT TO flashpoint_auditor
    USING (CASE WHEN operation IS NULL THEN vault.covers('*') ELSE vault.covers(operation) END);

-- Grants: each role has what its work needs, and no more.
REVOKE ALL ON ALL TABLES IN SCHEMA release FROM flashpoint_app;
REVOKE ALL ON vault.api_key FROM flashpoint_app;
REVOKE UPDATE (revoked_at) ON vault.api_key FROM flashpoint_app;
REVOKE SELECT ON vault.audit, vault.alembic_version FROM flashpoint_app;
REVOKE INSERT ON vault.placement, vault.category FROM flashpoint_app;
REVOKE UPDATE (known_to), UPDATE (closed_at) ON vault.placement FROM flashpoint_app;
GRANT SELECT ON vault.category TO flashpoint_app;

GRANT USAGE ON SCHEMA vault TO flashpoint_records, flashpoint_assessor, flashpoint_keys, flashpoint_auditor;
GRANT SELECT ON vault.actor, vault.operation, vault.admin_unit, vault.locality, vault.succession, vault.incident,
    vault.incident_version, vault.placement, vault.source, vault.verification_act, vault.transition_rule,
    vault.evidence, vault.community, vault.threat_assessment, vault.presence, vault.category, vault.methodology,
    vault.methodology_in_force TO flashpoint_records;
GRANT SELECT ON vault.actor, vault.operation, vault.admin_unit, vault.locality, vault.succession, vault.incident,
    vault.placement, vault.transition_rule, vault.evidence, vault.community, vault.presence, vault.category,
    vault.methodology, vault.methodology_in_force TO flashpoint_assessor;
-- Not what people wrote: narratives, reasons and sources make no score.
DO $$
DECLARE
    columns text;
BEGIN
    SELECT string_agg(quote_ident(column_name), ', ') INTO columns FROM information_schema.columns
        WHERE table_schema = 'vault' AND table_name = 'incident_version' AND column_name <> 'narrative';
    EXECUTE format('GRANT SELECT (%s) ON vault.incident_version TO flashpoint_assessor', columns);
    SELECT string_agg(quote_ident(column_name), ', ') INTO columns FROM information_schema.columns
        WHERE table_schema = 'vault' AND table_name = 'verification_act' AND column_name <> 'reason';
    EXECUTE format('GRANT SELECT (%s) ON vault.verification_act TO flashpoint_assessor', columns);
    SELECT string_agg(quote_ident(column_name), ', ') INTO columns FROM information_schema.columns
        WHERE table_schema = 'vault' AND table_name = 'threat_assessment' AND column_name <> 'reason';
    EXECUTE format('GRANT SELECT (%s) ON vault.threat_assessment TO flashpoint_assessor', columns);
END
$$;
GRANT SELECT, INSERT ON vault.actor, vault.api_key TO flashpoint_keys;
GRANT UPDATE (revoked_at) ON vault.api_key TO flashpoint_keys;
GRANT SELECT ON vault.audit, vault.actor TO flashpoint_auditor;
GRANT INSERT ON vault.audit TO flashpoint_records, flashpoint_keys, flashpoint_auditor;
-- Issuing a key names its operations.
GRANT SELECT (code) ON vault.operation TO flashpoint_keys;
CREATE POLICY names ON vault.operation FOR SELECT TO flashpoint_keys USING (true);

GRANT USAGE ON SCHEMA release TO flashpoint_assessor;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA release TO flashpoint_assessor;
GRANT SELECT ON release.method, release.method_in_force TO flashpoint_reader, flashpoint_app;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA vault, release FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION vault.place, vault.locality_around, vault.claimed_places, vault.unit_above FROM flashpoint_app;
GRANT EXECUTE ON FUNCTION vault.place_versions, vault.place_again, vault.is_protected TO flashpoint_app;
GRANT EXECUTE ON FUNCTION vault.me, vault.is_console, vault.covers
    TO flashpoint_app, flashpoint_records, flashpoint_keys, flashpoint_auditor;
GRANT EXECUTE ON FUNCTION vault.cleared, vault.began, vault.may_add, vault.independent_sources, vault.counts_in_score
    TO flashpoint_app, flashpoint_records;
