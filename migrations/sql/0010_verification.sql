-- Who may decide, merges that carry sources over, attribution verified apart from occurrence, and what waits for whom.
-- One person alone verifies nothing, by whatever way they come: the application's role included.
--
--   flashpoint.role   the role of the actor's key, set for the transaction as the other settings are (0006)

INSERT INTO vault.transition_rule (action, from_state, to_state) VALUES
    ('dispute', 'verified', 'disputed'),
    ('verify_attribution', 'verified', 'verified'),
    ('dispute_attribution', 'verified', 'verified'),
    ('merge', 'reported', 'duplicate'),
    ('merge', 'corroborating', 'duplicate'),
    ('merge', 'verified', 'duplicate'),
    ('merge', 'not_verified', 'duplicate'),
    ('merge', 'disputed', 'duplicate'),
    ('unmerge', 'verified', 'corroborating');

-- The command line is a coordinator, whatever is set.
CREATE FUNCTION vault.acting_role() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN CASE WHEN is_console() THEN 'coordinator'
                ELSE coalesce(nullif(current_setting('flashpoint.role', true), ''), 'nobody') END;
END
$$;

CREATE FUNCTION vault.decides() RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN acting_role() IN ('verifier', 'coordinator');
END
$$;

-- Is an incident, by one step or several, a duplicate of that original? One that was reinstated no longer is.
-- (In PL/pgSQL, as what follows: it keeps its plans, and these are asked at every step.)
CREATE FUNCTION vault.is_duplicate_of(duplicate uuid, original uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        WITH RECURSIVE line AS (
            SELECT duplicate_of AS id FROM incident WHERE id = duplicate AND duplicate_of IS NOT NULL
            UNION
            SELECT i.duplicate_of FROM line JOIN incident i USING (id) WHERE i.duplicate_of IS NOT NULL
        )
        SELECT FROM line WHERE line.id = original);
END
$$;

-- The sources of an incident: its own, and those of duplicates that were merged into it, as long as they are that.
CREATE FUNCTION vault.sources_of(incident uuid) RETURNS SETOF vault.source
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM source s
    WHERE s.incident_id = incident AND (s.merged_from IS NULL OR is_duplicate_of(s.merged_from, incident));
END
$$;

CREATE OR REPLACE FUNCTION vault.independent_sources(incident uuid) RETURNS integer
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN (
        WITH pair AS MATERIALIZED (SELECT DISTINCT type, independence_group AS grp FROM sources_of(incident))
        SELECT CASE
            WHEN EXISTS (SELECT FROM pair a
                         JOIN pair b ON b.type > a.type AND b.grp <> a.grp
                         JOIN pair c ON c.type > b.type AND c.grp NOT IN (a.grp, b.grp)) THEN 3
            WHEN EXISTS (SELECT FROM pair a JOIN pair b ON b.type > a.type AND b.grp <> a.grp) THEN 2
            ELSE (SELECT least(count(*), 1)::integer FROM pair)
        END);
END
$$;

CREATE FUNCTION vault.sources_needed(standard text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
    SELECT CASE WHEN standard LIKE 'external:%' THEN 0 WHEN standard = 'reasonable_grounds' THEN 2 ELSE 3 END
$$;

-- What somebody did for an incident, or for a duplicate of it: whoever did any of it is no second person.
CREATE FUNCTION vault.parts_in(incident uuid, person uuid) RETURNS text[]
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
DECLARE
    family uuid[];
BEGIN
    WITH RECURSIVE member AS (
        SELECT incident AS id
        UNION
        SELECT i.id FROM incident i JOIN member m ON i.duplicate_of = m.id
    )
    SELECT array_agg(id) INTO family FROM member;
    RETURN array_remove(ARRAY[
        CASE WHEN EXISTS (SELECT FROM incident_version v
                          WHERE v.incident_id = ANY (family) AND v.recorded_by = person AND v.version > 1)
             THEN 'edited' END,
        CASE WHEN EXISTS (SELECT FROM incident i WHERE i.id = ANY (family) AND i.submitted_by = person)
               OR EXISTS (SELECT FROM incident_version v
                          WHERE v.incident_id = ANY (family) AND v.recorded_by = person AND v.version = 1)
             THEN 'reported' END,
        CASE WHEN EXISTS (SELECT FROM unnest(family) AS f (id) CROSS JOIN LATERAL sources_of(f.id) s
                          WHERE s.recorded_by = person)
             THEN 'source' END], NULL);
END
$$;

-- What is known of who did it, of a version: the last word on the attribution that this version has in common with
-- those around it. Where the occurrence was put in question since, that word is no longer good.
CREATE FUNCTION vault.attribution(incident uuid, of_version integer,
                                  OUT state text, OUT standard text, OUT version integer)
    LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
    WITH this AS (
        SELECT perpetrator_class, attribution_confidence FROM incident_version v
        WHERE v.incident_id = $1 AND v.version = $2
    ), other AS (
        SELECT v.version FROM incident_version v, this
        WHERE v.incident_id = $1 AND (v.perpetrator_class, v.attribution_confidence)
              IS DISTINCT FROM (this.perpetrator_class, this.attribution_confidence)
    ), word AS (
        SELECT a.action, a.standard, a.version FROM verification_act a
        WHERE a.incident_id = $1
          AND (a.action IN ('reject', 'dispute', 'withdraw', 'mark_duplicate', 'merge', 'unmerge', 'reinstate')
               OR (a.action IN ('verify_attribution', 'dispute_attribution')
                   OR (a.action = 'verify' AND a.attribution_verified))
                  AND a.version > coalesce((SELECT max(o.version) FROM other o WHERE o.version < $2), 0)
                  AND a.version < coalesce((SELECT min(o.version) FROM other o WHERE o.version > $2), 2147483647))
        ORDER BY a.id DESC LIMIT 1
    ), known AS (
        SELECT CASE WHEN action = 'dispute_attribution' THEN 'disputed' ELSE 'verified' END AS state, standard, version
        FROM word, this
        WHERE action IN ('verify', 'verify_attribution', 'dispute_attribution') AND perpetrator_class <> 'unknown'
    )
    SELECT coalesce(k.state, 'unverified'), k.standard, k.version FROM (SELECT) AS one LEFT JOIN known k ON true
$$;

-- May the perpetrator of this version be named beyond those who work on the record?
CREATE FUNCTION vault.attribution_verified(incident uuid, version integer) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
    SELECT (vault.attribution($1, $2)).state = 'verified'
$$;

-- For what an incident waits. ``reopened``: a verified version is there, and something came after it.
CREATE FUNCTION vault.waits_for(one vault.incident, content vault.incident_version, reopened boolean) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = vault, pg_temp AS $$
BEGIN
    RETURN CASE
        WHEN content.consent IN ('refused', 'withdrawn') THEN NULL
        WHEN one.state IN ('reported', 'corroborating', 'disputed') THEN
            CASE WHEN reopened THEN 'edit' ELSE 'occurrence' END
        -- Nobody here attributes what others verified; ``unknown`` is an answer.
        WHEN one.state = 'verified' AND one.attribution <> 'verified' AND one.origin NOT LIKE 'external:%'
             AND content.perpetrator_class <> 'unknown' THEN 'attribution'
    END;
END
$$;

-- Rule 5. What is not listed here is material, new columns too. Places are compared as they are given out, for that is
-- what an edit starts from.
CREATE FUNCTION vault.is_material(old vault.incident_version, new vault.incident_version) RETURNS boolean
    LANGUAGE sql STABLE SET search_path = vault, public, pg_temp AS $$
    WITH immaterial AS (
        SELECT ARRAY['incident_id', 'version', 'recorded_at', 'recorded_by', 'known_at', 'known_assumed', 'reported_at',
                     'narrative', 'supersedes', 'protected', 'geom'] AS names
    )
    SELECT to_jsonb(old) - names IS DISTINCT FROM to_jsonb(new) - names
        OR ST_AsGeoJSON(old.geom, 15) IS DISTINCT FROM ST_AsGeoJSON(new.geom, 15)
    FROM immaterial
$$;

-- Whoever could edit a verified incident out of use could turn down a place's score. Consent is the exception: whoever
-- learns that it is refused or withdrawn must be able to act on that at once.
CREATE FUNCTION vault.admit_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    IF NEW.version > 1 AND NEW.consent NOT IN ('refused', 'withdrawn') AND NOT counts_in_score(NEW) AND NOT decides()
       AND EXISTS (SELECT FROM evidence WHERE incident_id = NEW.incident_id AND known_to IS NULL)
       AND EXISTS (SELECT FROM incident_version v JOIN incident i ON (i.id, i.version) = (v.incident_id, v.version)
                   WHERE i.id = NEW.incident_id AND i.submitted_by <> NEW.recorded_by AND counts_in_score(v)) THEN
        RAISE EXCEPTION 'this role does not take a verified incident out of use' USING ERRCODE = 'FP100';
    END IF;
    RETURN NEW;
END
$$;

-- Before begin_incident_version, which closes what is in force: triggers fire in the order of their names.
CREATE TRIGGER admit_version BEFORE INSERT ON vault.incident_version
    FOR EACH ROW EXECUTE FUNCTION vault.admit_version();

-- A material edit of what was decided on asks for the decision again; that is recorded here and nowhere else.
CREATE FUNCTION vault.follow_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    one incident;
    before incident_version;
    last record;
    kind text;
BEGIN
    IF NEW.version = 1 THEN
        RETURN NULL;
    END IF;
    SELECT * INTO before FROM incident_version WHERE incident_id = NEW.incident_id AND version = NEW.version - 1;
    SELECT * INTO one FROM incident WHERE id = NEW.incident_id;
    IF (NEW.perpetrator_class, NEW.attribution_confidence)
       IS DISTINCT FROM (before.perpetrator_class, before.attribution_confidence) THEN
        one.attribution := 'unverified';
        one.attribution_standard := NULL;
        one.attribution_version := NULL;
    END IF;
    SELECT action, from_state INTO last FROM verification_act WHERE incident_id = NEW.incident_id ORDER BY id DESC LIMIT 1;
    kind := waits_for(one, NEW, coalesce(last.action IN ('edit', 'unmerge') AND last.from_state = 'verified', false));
    UPDATE incident SET attribution = one.attribution, attribution_standard = one.attribution_standard,
                        attribution_version = one.attribution_version, waiting_for = kind,
                        waiting_since = CASE WHEN kind = one.waiting_for THEN one.waiting_since
                                             WHEN kind IS NOT NULL THEN NEW.known_at END
        WHERE id = NEW.incident_id;
    IF one.state IN ('verified', 'not_verified', 'disputed') AND is_material(before, NEW) THEN
        INSERT INTO verification_act
            (incident_id, version, recorded_at, recorded_by, known_at, action, from_state, to_state)
        VALUES (NEW.incident_id, NEW.version, NEW.recorded_at, NEW.recorded_by, NEW.known_at, 'edit', one.state,
                'corroborating');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER follow_version AFTER INSERT ON vault.incident_version
    FOR EACH ROW EXECUTE FUNCTION vault.follow_version();

-- Who may take a step at all. Whoever could take a verified version out of force could turn down a place's score.
CREATE FUNCTION vault.refuse_role(act vault.verification_act, subject vault.incident) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
BEGIN
    IF (act.action IN ('verify', 'reject', 'dispute', 'verify_attribution', 'dispute_attribution', 'reinstate')
            AND NOT decides())
       OR (act.action = 'withdraw' AND NOT decides() AND subject.submitted_by <> act.recorded_by)
       OR (act.action IN ('mark_duplicate', 'merge') AND NOT decides()
            AND EXISTS (SELECT FROM evidence WHERE incident_id = subject.id AND known_to IS NULL))
       OR (act.action = 'import' AND acting_role() <> 'coordinator') THEN
        RAISE EXCEPTION 'this role does not take this step' USING ERRCODE = 'FP100';
    END IF;
END
$$;

-- What a decision for the occurrence, or on the attribution, needs: another person, and sources.
CREATE FUNCTION vault.refuse_proof(act vault.verification_act, content vault.incident_version) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
BEGIN
    IF act.action NOT IN ('verify', 'verify_attribution', 'dispute_attribution') THEN
        RETURN;
    END IF;
    IF parts_in(act.incident_id, act.recorded_by) <> '{}' THEN
        RAISE EXCEPTION 'the verifier must be another person' USING ERRCODE = 'FP006';
    END IF;
    IF act.action <> 'dispute_attribution'
       AND independent_sources(act.incident_id) < sources_needed(act.standard) THEN
        RAISE EXCEPTION 'the standard of proof is not met' USING ERRCODE = 'FP007';
    END IF;
    IF (act.attribution_verified OR act.action = 'dispute_attribution') AND content.perpetrator_class = 'unknown' THEN
        RAISE EXCEPTION 'an unknown perpetrator is neither verified nor disputed' USING ERRCODE = 'FP103';
    END IF;
END
$$;

-- Of what an incident may become a duplicate; and what of it may be merged there. Whoever reads the original reads the
-- sources that were merged into it: they come from no record that is more closed.
CREATE FUNCTION vault.refuse_original(act vault.verification_act, subject vault.incident,
                                      content vault.incident_version) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = vault, pg_temp AS $$
DECLARE
    levels CONSTANT text[] := ARRAY['public', 'mission', 'cluster', 'restricted'];
    original incident;
BEGIN
    IF act.duplicate_of IS NULL THEN
        RETURN;
    END IF;
    SELECT * INTO original FROM incident WHERE id = act.duplicate_of;
    -- One answer for what is not there and for what the actor may not know of.
    IF original.id IS NULL OR original.operation <> subject.operation OR NOT covers(original.operation)
       OR NOT (cleared(original.sharing, original.protected) OR original.submitted_by = me() OR is_console()) THEN
        RAISE EXCEPTION 'no such original' USING ERRCODE = 'FP101';
    END IF;
    IF original.state IN ('', 'withdrawn', 'duplicate')
       OR EXISTS (SELECT FROM incident_version v WHERE v.incident_id = original.id AND v.version = original.version
                  AND v.consent IN ('refused', 'withdrawn')) THEN
        RAISE EXCEPTION 'the original is gone' USING ERRCODE = 'FP004';
    END IF;
    IF act.action <> 'merge' THEN
        RETURN;
    END IF;
    IF content.consent IN ('refused', 'withdrawn') THEN
        RAISE EXCEPTION 'consent is missing' USING ERRCODE = 'FP008';
    END IF;
    IF array_position(levels, subject.sharing) > array_position(levels, original.sharing)
       OR (subject.protected AND NOT original.protected) THEN
        RAISE EXCEPTION 'the duplicate is more closed than the original' USING ERRCODE = 'FP102';
    END IF;
END
$$;

-- Copies say where they come from and who recorded them; what was merged before comes along, and nothing twice.
CREATE FUNCTION vault.carry_sources(act vault.verification_act) RETURNS void
    LANGUAGE sql SET search_path = vault, pg_temp AS $$
    INSERT INTO source (incident_id, merged_from, recorded_at, recorded_by, known_at, type, independence_group,
                        reliability, credibility, obtained_on, handle)
    SELECT act.duplicate_of, coalesce(s.merged_from, s.incident_id), act.recorded_at, s.recorded_by, act.known_at,
           s.type, s.independence_group, s.reliability, s.credibility, s.obtained_on, s.handle
    FROM sources_of(act.incident_id) s
    WHERE NOT EXISTS (
        SELECT FROM source c
        WHERE c.incident_id = act.duplicate_of AND c.merged_from = coalesce(s.merged_from, s.incident_id)
          AND (c.recorded_by, c.type, c.independence_group, c.reliability, c.credibility, c.obtained_on, c.handle)
            = (s.recorded_by, s.type, s.independence_group, s.reliability, s.credibility, s.obtained_on, s.handle))
    ORDER BY s.id
$$;

-- What was verified on the sources of a duplicate that is none any more has to be decided on again.
CREATE FUNCTION vault.reopen_original(act vault.verification_act, merged_into uuid) RETURNS void
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
DECLARE
    original incident;
    declared text;
BEGIN
    WITH RECURSIVE line AS (
        SELECT i.* FROM incident i WHERE i.id = merged_into
        UNION
        SELECT i.* FROM line JOIN incident i ON i.id = line.duplicate_of
    )
    SELECT * INTO original FROM line WHERE state = 'verified';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT standard INTO declared FROM verification_act
        WHERE incident_id = original.id AND action IN ('verify', 'import') ORDER BY id DESC LIMIT 1;
    -- (Where the sources are erased by now, there is nothing left that could be decided on.)
    IF EXISTS (SELECT FROM source s WHERE s.incident_id = original.id AND s.merged_from IS NOT NULL
               AND NOT is_duplicate_of(s.merged_from, original.id))
       AND independent_sources(original.id) < sources_needed(declared) THEN
        INSERT INTO verification_act
            (incident_id, version, recorded_at, recorded_by, known_at, action, from_state, to_state)
        VALUES (original.id, original.version, act.recorded_at, act.recorded_by, act.known_at, 'unmerge', 'verified',
                'corroborating');
    END IF;
END
$$;

-- Where the attribution stands after a step: the same as ``attribution`` finds for the current version.
CREATE FUNCTION vault.attributed_after(act vault.verification_act, one vault.incident) RETURNS vault.incident
    LANGUAGE plpgsql IMMUTABLE SET search_path = vault, pg_temp AS $$
BEGIN
    IF act.action = 'verify_attribution' OR (act.action = 'verify' AND act.attribution_verified) THEN
        one.attribution := 'verified';
    ELSIF act.action = 'dispute_attribution' THEN
        one.attribution := 'disputed';
    ELSIF act.action IN ('reject', 'dispute', 'withdraw', 'mark_duplicate', 'merge', 'unmerge', 'reinstate') THEN
        one.attribution := 'unverified';
    ELSE
        RETURN one;
    END IF;
    one.attribution_standard := CASE one.attribution WHEN 'verified' THEN act.standard END;
    one.attribution_version := CASE WHEN one.attribution <> 'unverified' THEN act.version END;
    RETURN one;
END
$$;

CREATE OR REPLACE FUNCTION vault.take_step() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    subject incident;
    content incident_version;
    after incident;
    waits text;
BEGIN
    -- All in one order, so that two incidents cannot become duplicates of each other at once.
    PERFORM FROM incident WHERE id IN (NEW.incident_id, NEW.duplicate_of,
        (SELECT duplicate_of FROM incident WHERE id = NEW.incident_id)) ORDER BY id FOR UPDATE;
    SELECT * INTO subject FROM incident WHERE id = NEW.incident_id;
    SELECT * INTO content FROM incident_version WHERE incident_id = NEW.incident_id AND version = NEW.version;
    IF NEW.from_state <> subject.state OR NEW.version <> subject.version THEN
        RAISE EXCEPTION 'the incident has moved on' USING ERRCODE = 'FP004';
    END IF;
    IF (NEW.action = 'import') <> (subject.origin LIKE 'external:%' AND NEW.from_state = '')
       OR (NEW.action = 'import' AND NEW.standard <> subject.origin)
       OR (NEW.action IN ('verify', 'verify_attribution') AND NEW.standard LIKE 'external:%') THEN
        RAISE EXCEPTION 'an external standard belongs to its import' USING ERRCODE = 'FP005';
    END IF;
    IF NEW.action IN ('verify_attribution', 'dispute_attribution') THEN
        NEW.attribution_verified := NEW.action = 'verify_attribution';
    END IF;
    PERFORM refuse_role(NEW, subject), refuse_original(NEW, subject, content), refuse_proof(NEW, content);
    IF NEW.action = 'reinstate' AND content.consent IN ('refused', 'withdrawn') THEN
        RAISE EXCEPTION 'consent is missing' USING ERRCODE = 'FP008';
    END IF;
    IF NEW.action IN ('verify', 'verify_attribution') THEN
        NEW.last_source := (SELECT max(id) FROM source WHERE incident_id = NEW.incident_id);
    END IF;
    IF NEW.action = 'merge' THEN
        PERFORM carry_sources(NEW);
    END IF;

    after := attributed_after(NEW, subject);
    after.state := NEW.to_state;
    waits := waits_for(after, content, NEW.action IN ('edit', 'unmerge') AND NEW.from_state = 'verified');
    UPDATE incident SET state = NEW.to_state, acts = acts + 1, duplicate_of = NEW.duplicate_of,
                        attribution = after.attribution, attribution_standard = after.attribution_standard,
                        attribution_version = after.attribution_version, waiting_for = waits,
                        waiting_since = CASE WHEN waits = subject.waiting_for THEN subject.waiting_since
                                             WHEN waits IS NOT NULL THEN NEW.known_at END
        WHERE id = NEW.incident_id;
    IF subject.duplicate_of IS NOT NULL THEN
        PERFORM reopen_original(NEW, subject.duplicate_of);
    END IF;
    -- Who did it makes no score. A material edit leaves the earlier verified version in force until the new one is
    -- decided on, and so does a duplicate that is taken back.
    IF NEW.action NOT IN ('edit', 'unmerge', 'verify_attribution', 'dispute_attribution') THEN
        UPDATE evidence SET known_to = greatest(NEW.known_at, known_at), closed_at = NEW.recorded_at
            WHERE incident_id = NEW.incident_id AND known_to IS NULL;
        IF NEW.to_state = 'verified' AND counts_in_score(content) THEN
            INSERT INTO evidence (incident_id, version, known_at, recorded_at, operation, event_end)
            VALUES (NEW.incident_id, NEW.version, NEW.known_at, NEW.recorded_at, subject.operation, content.event_end);
        END IF;
    END IF;
    IF NEW.action <> 'edit' AND ('verified' IN (NEW.from_state, NEW.to_state)
                                 OR NEW.to_state IN ('withdrawn', 'duplicate')) THEN
        PERFORM pg_notify('flashpoint_changed', subject.operation);
    END IF;
    RETURN NEW;
END
$$;

-- What is there already.
WITH standing AS (
    SELECT i.id, a.state, a.standard, a.version
    FROM vault.incident i CROSS JOIN LATERAL vault.attribution(i.id, i.version) a WHERE a.state <> 'unverified'
)
UPDATE vault.incident i SET attribution = s.state, attribution_standard = s.standard, attribution_version = s.version
    FROM standing s WHERE s.id = i.id;
WITH last AS (
    SELECT DISTINCT ON (incident_id) incident_id, action, from_state, known_at FROM vault.verification_act
    ORDER BY incident_id, id DESC
), waiting AS (
    SELECT i.id, l.known_at, vault.waits_for(i, v, l.action = 'edit' AND l.from_state = 'verified') AS kind
    FROM vault.incident i JOIN vault.incident_version v ON (v.incident_id, v.version) = (i.id, i.version)
    JOIN last l ON l.incident_id = i.id
)
UPDATE vault.incident i SET waiting_for = w.kind, waiting_since = w.known_at
    FROM waiting w WHERE w.id = i.id AND w.kind IS NOT NULL;

-- The application takes the name of a data set of others for coordinators alone, makes no copy of a source, and no act
-- of editing. A merged source is known to whoever may know where it came from.
DROP POLICY reports ON vault.incident;
CREATE POLICY reports ON vault.incident FOR INSERT TO flashpoint_app
    WITH CHECK (vault.covers(operation) AND (submitted_by = (SELECT vault.me()) OR (SELECT vault.is_console()))
                AND (origin NOT LIKE 'external:%' OR (SELECT vault.acting_role()) = 'coordinator'));
DROP POLICY knows ON vault.source;
CREATE POLICY knows ON vault.source TO flashpoint_app, flashpoint_records
    USING (EXISTS (SELECT FROM vault.incident i WHERE i.id = incident_id)
           AND (merged_from IS NULL OR EXISTS (SELECT FROM vault.incident i WHERE i.id = merged_from)))
    WITH CHECK ((recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console()))
                AND vault.may_add(incident_id) AND merged_from IS NULL);
DROP POLICY knows ON vault.verification_act;
CREATE POLICY knows ON vault.verification_act TO flashpoint_app, flashpoint_records
    USING (EXISTS (SELECT FROM vault.incident i WHERE i.id = incident_id))
    WITH CHECK ((recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console()))
                AND vault.may_add(incident_id) AND action NOT IN ('edit', 'unmerge'));

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA vault FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.acting_role, vault.decides TO flashpoint_app, flashpoint_records;
GRANT EXECUTE ON FUNCTION vault.is_duplicate_of, vault.sources_of, vault.sources_needed, vault.parts_in
    TO flashpoint_app, flashpoint_records;
GRANT EXECUTE ON FUNCTION vault.attribution, vault.attribution_verified TO flashpoint_assessor;
