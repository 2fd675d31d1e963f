-- What each audience may read of the method, for a role that has no privilege on the vault. The views run as their
-- owner, who is no superuser, and are all that can be seen through them: the mission learns which versions were in
-- force, since when and why. Who it was, and what was proposed and never put in force, is the cluster's alone.

CREATE VIEW release.method WITH (security_barrier) AS
    WITH version AS (
        SELECT m.*, EXISTS (SELECT FROM vault.methodology_in_force f
                            WHERE (f.operation, f.version) = (m.operation, m.version)) AS was_in_force
        FROM vault.methodology m
    )
    SELECT o.code AS operation, a.audience, m.version, m.parameters,
           CASE WHEN a.audience = 'cluster' OR b.was_in_force IS NOT false THEN m.based_on END AS based_on,
           CASE a.audience WHEN 'cluster' THEN m.recorded_at END AS recorded_at,
           CASE a.audience WHEN 'cluster' THEN p.handle END AS recorded_by,
           CASE a.audience WHEN 'cluster' THEN m.reason END AS reason
    FROM vault.operation o
    CROSS JOIN (VALUES ('cluster'), ('mission')) AS a (audience)
    LEFT JOIN version m ON m.operation = o.code AND (a.audience = 'cluster' OR m.was_in_force)
    LEFT JOIN version b ON b.operation = m.operation AND b.version = m.based_on
    LEFT JOIN vault.actor p ON p.id = m.recorded_by;

CREATE VIEW release.method_in_force WITH (security_barrier) AS
    SELECT f.id, f.operation, a.audience, f.version, f.known_at, f.recorded_at, f.reason,
           CASE a.audience WHEN 'cluster' THEN p.handle END AS recorded_by
    FROM vault.methodology_in_force f
    CROSS JOIN (VALUES ('cluster'), ('mission')) AS a (audience)
    JOIN vault.actor p ON p.id = f.recorded_by;

GRANT SELECT ON release.method, release.method_in_force TO flashpoint_app, flashpoint_reader;
