-- The released picture: the assessor writes it, the reader reads it, and nothing of it hangs on the vault.
GRANT SELECT, INSERT, UPDATE, DELETE
    ON release.picture, release.picture_incident, release.picture_community, release.picture_zone
    TO flashpoint_assessor;
GRANT SELECT ON release.picture, release.picture_incident, release.picture_community, release.picture_zone
    TO flashpoint_reader;

-- An edit that is not decided on leaves the verified version in force, and may yet close what a picture shows of it.
CREATE FUNCTION vault.picture_changed() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = vault, pg_temp AS $$
BEGIN
    PERFORM pg_notify('flashpoint_changed', e.operation)
        FROM evidence e WHERE e.incident_id = NEW.incident_id AND e.known_to IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER picture_changed AFTER INSERT ON vault.incident_version
    FOR EACH ROW WHEN (NEW.version > 1) EXECUTE FUNCTION vault.picture_changed();

REVOKE EXECUTE ON FUNCTION vault.picture_changed FROM PUBLIC;
