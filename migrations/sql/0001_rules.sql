-- The rules that must hold whoever writes: versions, knowledge times, the workflow, two people, the audit chain.
-- Trigger functions that maintain what the application may not touch run as the owner (SECURITY DEFINER), with a
-- fixed search path.

-- A source is worth as much as its independence: n sources that all differ in type and in independence group.
CREATE FUNCTION vault.independent_sources(incident uuid) RETURNS integer
    LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
    WITH pair AS (SELECT DISTINCT type, independence_group AS grp FROM source WHERE incident_id = incident)
    SELECT CASE
        WHEN EXISTS (SELECT FROM pair a
                     JOIN pair b ON b.type > a.type AND b.grp <> a.grp
                     JOIN pair c ON c.type > b.type AND c.grp NOT IN (a.grp, b.grp)) THEN 3
        WHEN EXISTS (SELECT FROM pair a JOIN pair b ON b.type > a.type AND b.grp <> a.grp) THEN 2
        ELSE (SELECT least(count(*), 1)::integer FROM pair)
    END
$$;

-- May this version move the official score? Everyone is served the same rank, so what may not be used above its
-- level counts only if its level reaches every audience.
CREATE FUNCTION vault.counts_in_score(v vault.incident_version) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = vault, pg_temp AS $$
    SELECT v.consent NOT IN ('refused', 'withdrawn')
       AND NOT v.exercise
       AND (v.sharing IN ('public', 'mission') OR v.share_above <> 'none')
$$;

-- Versioned subjects: a new version ends the validity of the one before it.
CREATE FUNCTION vault.begin_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    latest record;
BEGIN
    EXECUTE format('SELECT version, known_at, operation FROM vault.%I WHERE id = $1 AND known_to IS NULL FOR UPDATE',
                   TG_TABLE_NAME) INTO latest USING NEW.id;
    IF NEW.known_to IS NOT NULL OR NEW.version <> coalesce(latest.version, 0) + 1 THEN
        RAISE EXCEPTION 'version out of turn' USING ERRCODE = 'FP001';
    END IF;
    IF latest.version IS NOT NULL THEN
        IF latest.operation <> NEW.operation THEN
            RAISE EXCEPTION 'a record stays in its operation' USING ERRCODE = 'FP002';
        END IF;
        NEW.known_at := greatest(NEW.known_at, latest.known_at);
        EXECUTE format('UPDATE vault.%I SET known_to = $1 WHERE id = $2 AND known_to IS NULL', TG_TABLE_NAME)
            USING NEW.known_at, NEW.id;
    END IF;
    PERFORM pg_notify('flashpoint_changed', NEW.operation);
    RETURN NEW;
END
$$;

CREATE FUNCTION vault.locality_exists() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM locality WHERE id = NEW.locality_id AND operation = NEW.operation) THEN
        RAISE EXCEPTION 'no such locality' USING ERRCODE = 'FP003';
    END IF;
    RETURN NEW;
END
$$;

DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY['admin_unit', 'locality', 'community', 'threat_assessment', 'presence'] LOOP
        EXECUTE format('CREATE TRIGGER begin_version BEFORE INSERT ON vault.%I
                        FOR EACH ROW EXECUTE FUNCTION vault.begin_version()', subject);
    END LOOP;
    FOREACH subject IN ARRAY ARRAY['community', 'threat_assessment', 'presence'] LOOP
        EXECUTE format('CREATE TRIGGER a_locality_exists BEFORE INSERT ON vault.%I
                        FOR EACH ROW EXECUTE FUNCTION vault.locality_exists()', subject);
    END LOOP;
END
$$;

-- Incidents: versions follow one another, and what may no longer be used leaves the evidence at once.
CREATE FUNCTION vault.begin_incident_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    subject record;
BEGIN
    SELECT version, operation INTO subject FROM incident WHERE id = NEW.incident_id FOR UPDATE;
    IF NEW.version IS DISTINCT FROM subject.version + 1 THEN
        RAISE EXCEPTION 'version out of turn' USING ERRCODE = 'FP001';
    END IF;
    UPDATE incident SET version = NEW.version WHERE id = NEW.incident_id;
    IF NEW.version > 1 AND NOT counts_in_score(NEW) THEN
        UPDATE evidence SET known_to = greatest(NEW.known_at, known_at)
            WHERE incident_id = NEW.incident_id AND known_to IS NULL;
        PERFORM pg_notify('flashpoint_changed', subject.operation);
    ELSIF NEW.version > 1 THEN
        -- The verified version stays in force, but what was closed since, or turned out to be of another category,
        -- which may be a protected one, is no longer named.
        UPDATE evidence e SET veiled = true FROM incident_version v
            WHERE e.incident_id = NEW.incident_id AND e.known_to IS NULL AND NOT e.veiled
              AND v.incident_id = e.incident_id AND v.version = e.version
              AND (NEW.sharing = 'restricted' OR NEW.category <> v.category);
        IF FOUND THEN
            PERFORM pg_notify('flashpoint_changed', subject.operation);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER begin_incident_version BEFORE INSERT ON vault.incident_version
    FOR EACH ROW EXECUTE FUNCTION vault.begin_incident_version();

-- The workflow: the step must start where the incident stands, be in the table of steps (a foreign key), be taken on
-- the current version, and a verification needs another person and the sources of its declared standard.
CREATE FUNCTION vault.take_step() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    subject incident;
    content incident_version;
BEGIN
    -- Both in one order, so that two incidents cannot become duplicates of each other at once.
    PERFORM FROM incident WHERE id IN (NEW.incident_id, NEW.duplicate_of) ORDER BY id FOR UPDATE;
    IF EXISTS (SELECT FROM incident WHERE id = NEW.duplicate_of AND state IN ('withdrawn', 'duplicate')) THEN
        RAISE EXCEPTION 'the original is gone' USING ERRCODE = 'FP004';
    END IF;
    SELECT * INTO subject FROM incident WHERE id = NEW.incident_id;
    SELECT * INTO content FROM incident_version WHERE incident_id = NEW.incident_id AND version = NEW.version;
    IF NEW.from_state <> subject.state OR NEW.version <> subject.version THEN
        RAISE EXCEPTION 'the incident has moved on' USING ERRCODE = 'FP004';
    END IF;
    IF (NEW.action = 'import') <> (subject.origin LIKE 'external:%' AND NEW.from_state = '')
       OR (NEW.action = 'import' AND NEW.standard <> subject.origin)
       OR (NEW.action = 'verify' AND NEW.standard LIKE 'external:%') THEN
        RAISE EXCEPTION 'an external standard belongs to its import' USING ERRCODE = 'FP005';
    END IF;
    IF NEW.action = 'verify' THEN
        IF EXISTS (SELECT FROM incident_version
                   WHERE incident_id = NEW.incident_id AND recorded_by = NEW.recorded_by)
           OR EXISTS (SELECT FROM source
                      WHERE incident_id = NEW.incident_id AND recorded_by = NEW.recorded_by)
           OR subject.submitted_by = NEW.recorded_by THEN
            RAISE EXCEPTION 'the verifier must be another person' USING ERRCODE = 'FP006';
        END IF;
        IF independent_sources(NEW.incident_id) <
           (CASE NEW.standard WHEN 'clear_and_convincing' THEN 3 ELSE 2 END) THEN
            RAISE EXCEPTION 'the standard of proof is not met' USING ERRCODE = 'FP007';
        END IF;
    END IF;
    IF NEW.action = 'reinstate' AND content.consent IN ('refused', 'withdrawn') THEN
        RAISE EXCEPTION 'consent is missing' USING ERRCODE = 'FP008';
    END IF;

    UPDATE incident SET state = NEW.to_state, acts = acts + 1, duplicate_of = NEW.duplicate_of
        WHERE id = NEW.incident_id;
    -- A material edit leaves the earlier verified version in force until the new one is decided on.
    IF NEW.action <> 'edit' THEN
        UPDATE evidence SET known_to = greatest(NEW.known_at, known_at)
            WHERE incident_id = NEW.incident_id AND known_to IS NULL;
        IF NEW.to_state = 'verified' AND counts_in_score(content) THEN
            INSERT INTO evidence (incident_id, version, known_at, operation, event_end)
            VALUES (NEW.incident_id, NEW.version, NEW.known_at, subject.operation, content.event_end);
        END IF;
        IF 'verified' IN (NEW.from_state, NEW.to_state) OR NEW.to_state IN ('withdrawn', 'duplicate') THEN
            PERFORM pg_notify('flashpoint_changed', subject.operation);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER take_step BEFORE INSERT ON vault.verification_act
    FOR EACH ROW EXECUTE FUNCTION vault.take_step();

-- Where an incident belongs: a locality for a precise one, an administrative unit for a coarse one, else nowhere.
-- The claimed P-code decides for a coarse place; for a precise one the geometry does, and a disagreement is flagged.
CREATE FUNCTION vault.place(op text, geom geometry, geo_precision integer, claimed text,
                            OUT locality_id uuid, OUT unit_pcode text, OUT outside_claimed boolean)
    LANGUAGE plpgsql STABLE SET search_path = vault, public, pg_temp AS $$
DECLARE
    pt geometry := ST_PointOnSurface(geom);
    unit_level integer := CASE geo_precision WHEN 3 THEN 3 WHEN 4 THEN 2 WHEN 5 THEN 1 END;
    ranked integer;
    here locality;
    named locality;
BEGIN
    outside_claimed := false;
    IF pt IS NOT NULL THEN
        SELECT l.* INTO here FROM locality l
        WHERE l.operation = op AND l.known_to IS NULL AND l.withdrawn_reason IS NULL AND ST_Covers(l.area, pt)
        ORDER BY ST_Distance(l.point::geography, pt::geography), l.pcode LIMIT 1;
        IF claimed IS NULL THEN
            outside_claimed := false;
        ELSIF here.id IS NOT NULL THEN
            outside_claimed := claimed NOT IN
                (here.pcode, coalesce(here.adm1_pcode, ''), coalesce(here.adm2_pcode, ''), coalesce(here.adm3_pcode, ''));
        ELSE
            -- In no locality: the claimed unit's own area decides; where nobody knows that area, nothing speaks
            -- against the claim, unless it is a locality, whose area is known not to hold the point.
            outside_claimed := coalesce(
                (SELECT NOT ST_Covers(u.area, pt) FROM admin_unit u
                 WHERE u.operation = op AND u.known_to IS NULL AND u.pcode = claimed AND u.area IS NOT NULL LIMIT 1),
                EXISTS (SELECT FROM locality l WHERE l.operation = op AND l.known_to IS NULL AND l.pcode = claimed));
        END IF;
    END IF;
    IF geo_precision <= 2 THEN
        locality_id := here.id;
        RETURN;
    END IF;
    IF unit_level IS NULL THEN
        RETURN;  -- known to the country only: ranked nowhere, drawn nowhere
    END IF;
    IF claimed IS NOT NULL THEN
        SELECT l.* INTO named FROM locality l
        WHERE l.operation = op AND l.known_to IS NULL AND l.withdrawn_reason IS NULL AND l.pcode = claimed
        ORDER BY l.code_list DESC LIMIT 1;
        IF FOUND AND geo_precision = 3 THEN
            locality_id := named.id;
            RETURN;
        END IF;
        IF named.id IS NOT NULL THEN
            here := named;
        ELSIF EXISTS (SELECT FROM admin_unit u WHERE u.operation = op AND u.known_to IS NULL
                                 AND u.pcode = claimed) THEN
            unit_pcode := claimed;
            RETURN;
        ELSIF pt IS NULL THEN
            outside_claimed := true;  -- a code that nobody knows: flagged, and placed nowhere
            RETURN;
        END IF;
    END IF;
    SELECT ranked_level INTO ranked FROM operation WHERE code = op;
    IF unit_level >= coalesce(ranked, 3) THEN
        locality_id := here.id;  -- known at least as finely as localities are cut
        RETURN;
    END IF;
    unit_pcode := CASE unit_level WHEN 3 THEN here.adm3_pcode WHEN 2 THEN here.adm2_pcode ELSE here.adm1_pcode END;
    IF unit_pcode IS NULL AND pt IS NOT NULL THEN
        SELECT u.pcode INTO unit_pcode FROM admin_unit u
        WHERE u.operation = op AND u.known_to IS NULL AND u.level = unit_level AND ST_Covers(u.area, pt)
        ORDER BY u.pcode LIMIT 1;
    END IF;
END
$$;

-- The audit log is a chain: each row's hash covers its content and the hash of the row before it.
CREATE FUNCTION vault.audit_digest(a vault.audit) RETURNS bytea
    LANGUAGE sql IMMUTABLE SET search_path = vault, pg_temp AS $$
    SELECT sha256(a.previous_hash || convert_to(jsonb_build_array(
        a.seq, extract(epoch FROM a.at), a.actor_id, a.key_id, a.operation, a.action, a.subject, a.subject_id, a.detail
    )::text, 'UTF8'))
$$;

CREATE FUNCTION vault.chain_audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    last audit;
BEGIN
    -- Held to the end of the transaction: rows of the chain become visible in their order.
    PERFORM pg_advisory_xact_lock(hashtext('flashpoint.audit'));
    SELECT * INTO last FROM audit ORDER BY seq DESC LIMIT 1;
    NEW.seq := coalesce(last.seq, 0) + 1;
    NEW.previous_hash := coalesce(last.hash, sha256('flashpoint'));
    NEW.hash := audit_digest(NEW);
    RETURN NEW;
END
$$;

CREATE TRIGGER chain_audit BEFORE INSERT ON vault.audit
    FOR EACH ROW EXECUTE FUNCTION vault.chain_audit();

CREATE FUNCTION vault.refuse() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'FP009';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.audit
    FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse();

CREATE FUNCTION vault.keys_changed() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    PERFORM pg_notify('flashpoint_keys', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER keys_changed AFTER INSERT OR UPDATE ON vault.api_key
    FOR EACH STATEMENT EXECUTE FUNCTION vault.keys_changed();

CREATE FUNCTION vault.method_changed() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
BEGIN
    PERFORM pg_notify('flashpoint_changed', NEW.operation);
    RETURN NULL;
END
$$;

CREATE TRIGGER method_changed AFTER INSERT ON vault.methodology_in_force
    FOR EACH ROW EXECUTE FUNCTION vault.method_changed();

CREATE FUNCTION release.released() RETURNS trigger
    LANGUAGE plpgsql SET search_path = release, pg_temp AS $$
BEGIN
    PERFORM pg_notify('flashpoint_released', NEW.operation);
    RETURN NULL;
END
$$;

CREATE TRIGGER released AFTER INSERT OR UPDATE ON release.matrix
    FOR EACH ROW EXECUTE FUNCTION release.released();

-- Grants: the least that each role needs.
GRANT USAGE ON SCHEMA vault, release TO flashpoint_app;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA vault TO flashpoint_app;
REVOKE INSERT ON vault.evidence, vault.transition_rule, vault.alembic_version, vault.incident FROM flashpoint_app;
GRANT INSERT (id, operation, submitted_by, client_id, origin, content_sha256, recorded_at)
    ON vault.incident TO flashpoint_app;
GRANT UPDATE (revoked_at) ON vault.api_key TO flashpoint_app;
GRANT UPDATE (known_to) ON vault.placement TO flashpoint_app;
GRANT UPDATE (area, ranked_level) ON vault.operation TO flashpoint_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA release TO flashpoint_app;
GRANT USAGE ON SCHEMA release TO flashpoint_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA release TO flashpoint_reader;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA vault, release FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.independent_sources, vault.counts_in_score, vault.place, vault.audit_digest
    TO flashpoint_app;
