-- When each fact was written here, also that of its end: a past matrix sees what was recorded by then, and no more.

CREATE OR REPLACE FUNCTION vault.begin_version() RETURNS trigger
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
        EXECUTE format('UPDATE vault.%I SET known_to = $1, closed_at = $3 WHERE id = $2 AND known_to IS NULL', TG_TABLE_NAME)
            USING NEW.known_at, NEW.id, NEW.recorded_at;
    END IF;
    PERFORM pg_notify('flashpoint_changed', NEW.operation);
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION vault.begin_incident_version() RETURNS trigger
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
        UPDATE evidence SET known_to = greatest(NEW.known_at, known_at), closed_at = NEW.recorded_at
            WHERE incident_id = NEW.incident_id AND known_to IS NULL;
        PERFORM pg_notify('flashpoint_changed', subject.operation);
    ELSIF NEW.version > 1 THEN
        -- The verified version stays in force, but what was closed since, or turned out to be of another category,
        -- which may be a protected one, is no longer named.
        UPDATE evidence e SET veiled_at = NEW.recorded_at FROM incident_version v
            WHERE e.incident_id = NEW.incident_id AND e.known_to IS NULL AND e.veiled_at IS NULL
              AND v.incident_id = e.incident_id AND v.version = e.version
              AND (NEW.sharing = 'restricted' OR NEW.category <> v.category);
        IF FOUND THEN
            PERFORM pg_notify('flashpoint_changed', subject.operation);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION vault.take_step() RETURNS trigger
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
        UPDATE evidence SET known_to = greatest(NEW.known_at, known_at), closed_at = NEW.recorded_at
            WHERE incident_id = NEW.incident_id AND known_to IS NULL;
        IF NEW.to_state = 'verified' AND counts_in_score(content) THEN
            INSERT INTO evidence (incident_id, version, known_at, recorded_at, operation, event_end)
            VALUES (NEW.incident_id, NEW.version, NEW.known_at, NEW.recorded_at, subject.operation, content.event_end);
        END IF;
        IF 'verified' IN (NEW.from_state, NEW.to_state) OR NEW.to_state IN ('withdrawn', 'duplicate') THEN
            PERFORM pg_notify('flashpoint_changed', subject.operation);
        END IF;
    END IF;
    RETURN NEW;
END
$$;

GRANT UPDATE (closed_at) ON vault.placement TO flashpoint_app;
