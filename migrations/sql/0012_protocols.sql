-- Information-sharing protocols: two people to put one in force, one to suspend it, and what each audience reads of it.

-- Another person than who proposed it puts a protocol in force. The command line may sign alone, at set-up, and says so
-- (a CHECK keeps that to the command line). Whoever may govern sharing may suspend: to close takes one, to open two.
CREATE FUNCTION vault.agree_protocol() RETURNS trigger
    LANGUAGE plpgsql SET search_path = vault, pg_temp AS $$
DECLARE
    proposed protocol;
    latest protocol_in_force;
    in_force boolean;
BEGIN
    -- One after the other, also where two decide at once.
    PERFORM pg_advisory_xact_lock(hashtextextended('flashpoint.protocol.' || NEW.operation, 0));
    SELECT * INTO proposed FROM protocol WHERE (operation, version) = (NEW.operation, NEW.version);
    SELECT * INTO latest FROM protocol_in_force WHERE operation = NEW.operation ORDER BY known_at DESC, id DESC LIMIT 1;
    in_force := coalesce(latest.version = NEW.version AND NOT latest.suspended, false);
    IF in_force <> NEW.suspended THEN
        RAISE EXCEPTION 'in force already, or not in force' USING ERRCODE = 'FP122';
    END IF;
    -- Whoever cannot see who proposed it is not another person either.
    IF NOT NEW.suspended AND NOT NEW.sole_signature AND coalesce(proposed.recorded_by = NEW.recorded_by, true) THEN
        RAISE EXCEPTION 'a protocol takes two people' USING ERRCODE = 'FP120';
    END IF;
    IF NOT NEW.suspended AND proposed.until <= (NEW.recorded_at AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'the protocol has ended' USING ERRCODE = 'FP121';
    END IF;
    NEW.known_at := greatest(NEW.known_at, latest.known_at);
    RETURN NEW;
END
$$;

CREATE TRIGGER agree_protocol BEFORE INSERT ON vault.protocol_in_force
    FOR EACH ROW EXECUTE FUNCTION vault.agree_protocol();

-- What the mission reads of a protocol, member by member: what is added to the document one day is not in it. The bodies
-- on the cluster's side are not named to it, nor are the cluster's notes.
CREATE FUNCTION vault.protocol_for_mission(document jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE SET search_path = vault, pg_temp AS $$
    SELECT jsonb_build_object(
        'title', document -> 'title',
        'purpose', document -> 'purpose',
        'parties', (SELECT coalesce(jsonb_agg(party ORDER BY place), '[]')
                    FROM jsonb_array_elements(document -> 'parties') WITH ORDINALITY AS every (party, place)
                    WHERE party ->> 'audience' = 'mission'),
        'audiences', jsonb_build_object('mission', document #> '{audiences,mission}'),
        'until', document -> 'until',
        'review_on', document -> 'review_on',
        'retention', document -> 'retention',
        'contacts', document -> 'contacts')
$$;

-- An instant as every answer writes it.
CREATE FUNCTION vault.in_utc(instant timestamptz) RETURNS text
    LANGUAGE sql STABLE SET search_path = vault, pg_temp AS $$
    SELECT to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- The cluster reads a proposal as soon as it is one; the mission never does. As the owner, like the next one: nobody who
-- decides writes what an audience reads.
CREATE FUNCTION vault.release_proposal() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    INSERT INTO release.shared_protocol (operation, audience, version, until, document, acts)
    SELECT NEW.operation, 'cluster', NEW.version, NEW.until, NEW.document, jsonb_build_array(jsonb_build_object(
        'act', 'proposed', 'at', in_utc(NEW.recorded_at), 'by', p.handle, 'reason', NEW.reason))
    FROM actor p WHERE p.id = NEW.recorded_by;
    RETURN NULL;
END
$$;

CREATE TRIGGER release_proposal AFTER INSERT ON vault.protocol
    FOR EACH ROW EXECUTE FUNCTION vault.release_proposal();

-- Both audiences read which protocol was in force since when; who decided and why is the cluster's alone.
CREATE FUNCTION vault.release_agreement() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
DECLARE
    deed jsonb := jsonb_build_object('act', CASE WHEN NEW.suspended THEN 'suspended' ELSE 'adopted' END,
                                     'at', in_utc(NEW.recorded_at));
    decided jsonb := jsonb_build_object('reason', NEW.reason, 'sole_signature', NEW.sole_signature, 'by',
                                        (SELECT handle FROM actor WHERE id = NEW.recorded_by));
BEGIN
    UPDATE release.shared_protocol SET ended_at = NEW.known_at
        WHERE operation = NEW.operation AND since IS NOT NULL AND ended_at IS NULL;
    INSERT INTO release.shared_protocol (operation, audience, version, until, document, acts)
        SELECT operation, 'mission', version, until, protocol_for_mission(document), '[]' FROM protocol
        WHERE (operation, version) = (NEW.operation, NEW.version)
        ON CONFLICT DO NOTHING;
    UPDATE release.shared_protocol SET
        since = CASE WHEN NEW.suspended THEN since ELSE NEW.known_at END,
        ended_at = CASE WHEN NEW.suspended THEN ended_at END,
        acts = acts || CASE audience WHEN 'cluster' THEN deed || decided ELSE deed END
        WHERE (operation, version) = (NEW.operation, NEW.version);
    -- The matrix names its protocol, and whoever serves looks at once.
    PERFORM pg_notify('flashpoint_changed', NEW.operation);
    PERFORM pg_notify('flashpoint_released', NEW.operation);
    RETURN NULL;
END
$$;

CREATE TRIGGER release_agreement AFTER INSERT ON vault.protocol_in_force
    FOR EACH ROW EXECUTE FUNCTION vault.release_agreement();

DO $$
DECLARE
    subject text;
BEGIN
    FOREACH subject IN ARRAY ARRAY['protocol', 'protocol_in_force'] LOOP
        EXECUTE format('ALTER TABLE vault.%I ENABLE ROW LEVEL SECURITY', subject);
        EXECUTE format('ALTER TABLE vault.%I FORCE ROW LEVEL SECURITY', subject);
        EXECUTE format('CREATE POLICY keeps ON vault.%I TO flashpoint_owner USING (true) WITH CHECK (true)', subject);
        EXECUTE format('CREATE POLICY scores ON vault.%I FOR SELECT TO flashpoint_assessor USING (true)', subject);
        EXECUTE format('CREATE POLICY enters ON vault.%I TO flashpoint_app
            USING (vault.covers(operation))
            WITH CHECK (vault.covers(operation) AND (recorded_by = (SELECT vault.me()) OR (SELECT vault.is_console())))',
            subject);
    END LOOP;
END
$$;

-- Sexual violence and grave violations stay within the cluster, whatever a report says. NOT VALID: versions are never
-- changed, so rows from before this rule stay as they were said. Nothing is opened by them: what is protected is
-- generalised, withheld and named nowhere by what it is, not by its level.
ALTER TABLE vault.incident_version ADD CONSTRAINT ck_incident_version_protected_closed
    CHECK (NOT protected OR (sharing IN ('cluster', 'restricted') AND share_above <> 'detail')) NOT VALID;

GRANT SELECT, INSERT ON vault.protocol, vault.protocol_in_force TO flashpoint_app;
GRANT SELECT ON vault.protocol, vault.protocol_in_force TO flashpoint_assessor;
GRANT SELECT ON release.shared_protocol TO flashpoint_reader, flashpoint_assessor;
REVOKE EXECUTE ON FUNCTION vault.agree_protocol, vault.protocol_for_mission, vault.in_utc, vault.release_proposal,
    vault.release_agreement FROM PUBLIC;
