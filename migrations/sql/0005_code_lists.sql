-- Where incidents belong while code lists replace one another, and what a P-code of an earlier list stands for.

-- The locality around a point, among those in force at an instant (now where none is given).
CREATE FUNCTION vault.locality_around(op text, pt geometry, as_of timestamptz) RETURNS vault.locality
    LANGUAGE plpgsql STABLE SET search_path = vault, public, pg_temp AS $$
DECLARE
    here locality;
BEGIN
    -- Two queries: the index on areas knows the current localities alone.
    IF as_of IS NULL THEN
        SELECT l.* INTO here FROM locality l
        WHERE l.operation = op AND l.known_to IS NULL AND l.withdrawn_reason IS NULL AND ST_Covers(l.area, pt)
        ORDER BY ST_Distance(l.point::geography, pt::geography), l.pcode LIMIT 1;
    ELSE
        SELECT l.* INTO here FROM locality l
        WHERE l.operation = op AND l.known_at <= as_of AND (l.known_to IS NULL OR l.known_to > as_of)
          AND l.withdrawn_reason IS NULL AND ST_Covers(l.area, pt)
        ORDER BY ST_Distance(l.point::geography, pt::geography), l.pcode LIMIT 1;
    END IF;
    RETURN here;
END
$$;

-- What a P-code that somebody gave stands for among the places in force at an instant (now where none is given): the
-- place itself, or those that its area went to, each with the share that it got. A code is read in the list that was
-- in force when it was said: the next list may give it to another place. Where none had it then, it is read in the
-- list in force, and then in those that were replaced. ``same``: the place goes on under its old code.
CREATE FUNCTION vault.claimed_places(op text, code text, said_at timestamptz, as_of timestamptz)
    RETURNS TABLE (place_id uuid, is_unit boolean, pcode text, share double precision, same boolean)
    LANGUAGE plpgsql STABLE SET search_path = vault, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz := coalesce(as_of, 'infinity');
    reading integer;
BEGIN
    -- Nearly always the place that had the code then is in force, and has it still.
    RETURN QUERY
    SELECT p.id, p.is_unit, code, 1::double precision, true
    FROM (SELECT l.id, false AS is_unit, l.code_list FROM locality l
          WHERE l.operation = op AND l.pcode = code AND l.withdrawn_reason IS NULL
            AND l.known_at <= moment AND (l.known_to IS NULL OR l.known_to > moment)
            AND EXISTS (SELECT FROM locality v WHERE v.id = l.id AND v.pcode = code AND v.withdrawn_reason IS NULL
                        AND v.known_at <= said_at AND (v.known_to IS NULL OR v.known_to > said_at))
          UNION ALL
          SELECT u.id, true, u.code_list FROM admin_unit u
          WHERE u.operation = op AND u.pcode = code AND u.withdrawn_reason IS NULL
            AND u.known_at <= moment AND (u.known_to IS NULL OR u.known_to > moment)
            AND EXISTS (SELECT FROM admin_unit v WHERE v.id = u.id AND v.pcode = code AND v.withdrawn_reason IS NULL
                        AND v.known_at <= said_at AND (v.known_to IS NULL OR v.known_to > said_at))) p
    ORDER BY p.is_unit, p.code_list DESC LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    FOR reading IN 1..3 LOOP
        RETURN QUERY
        WITH RECURSIVE place AS NOT MATERIALIZED (
            SELECT id, false AS is_unit, pcode, name, code_list, known_at, known_to, withdrawn_reason
            FROM locality WHERE operation = op
            UNION ALL
            SELECT id, true, pcode, name, code_list, known_at, known_to, withdrawn_reason
            FROM admin_unit WHERE operation = op
        ), said AS (
            SELECT p.id, p.pcode, p.name FROM place p
            WHERE p.pcode = code AND CASE reading
                WHEN 1 THEN p.withdrawn_reason IS NULL
                    AND p.known_at <= said_at AND (p.known_to IS NULL OR p.known_to > said_at)
                WHEN 2 THEN p.withdrawn_reason IS NULL
                    AND p.known_at <= moment AND (p.known_to IS NULL OR p.known_to > moment)
                ELSE p.withdrawn_reason = 'replaced' AND p.known_at <= moment
                END
            ORDER BY p.is_unit, CASE reading WHEN 3 THEN p.known_at END DESC, p.code_list DESC LIMIT 1
        ), line AS (
            SELECT id, 1::double precision AS share,
                   CASE reading WHEN 1 THEN said_at ELSE '-infinity' END AS since
            FROM said
            UNION ALL
            SELECT s.successor_id, line.share * s.share, s.known_at
            FROM line JOIN succession s ON s.predecessor_id = line.id AND s.known_at <= moment
            -- The next change alone: a place may come back, and be replaced again.
            WHERE s.known_at = (SELECT min(n.known_at) FROM succession n
                                WHERE n.predecessor_id = line.id AND n.known_at > line.since)
              AND NOT EXISTS (SELECT FROM place p WHERE p.id = line.id AND p.withdrawn_reason IS NULL
                              AND p.known_at <= moment AND (p.known_to IS NULL OR p.known_to > moment))
        )
        SELECT p.id, p.is_unit, p.pcode, sum(line.share),
               p.pcode = said.pcode AND (p.name = said.name OR sum(line.share) >= 0.5)
        FROM said, line JOIN place p ON p.id = line.id AND p.withdrawn_reason IS NULL
            AND p.known_at <= moment AND (p.known_to IS NULL OR p.known_to > moment)
        GROUP BY p.id, p.is_unit, p.pcode, p.name, said.pcode, said.name;
        EXIT WHEN FOUND;
    END LOOP;
END
$$;

-- The finest unit that holds at least half of what a P-code stands for, no finer than ``unit_level``: where its place
-- was cut into parts of which none is most of it.
CREATE FUNCTION vault.unit_above(op text, code text, said_at timestamptz, as_of timestamptz, unit_level integer)
    RETURNS text LANGUAGE sql STABLE SET search_path = vault, public, pg_temp AS $$
    SELECT above.pcode
    FROM vault.claimed_places(op, code, said_at, as_of) c
    CROSS JOIN LATERAL (
        SELECT a.level, a.pcode FROM locality l
            CROSS JOIN LATERAL (VALUES (1, l.adm1_pcode), (2, l.adm2_pcode), (3, l.adm3_pcode)) AS a (level, pcode)
        WHERE NOT c.is_unit AND l.id = c.place_id AND l.withdrawn_reason IS NULL
          AND l.known_at <= coalesce(as_of, 'infinity') AND (l.known_to IS NULL OR l.known_to > coalesce(as_of, 'infinity'))
        UNION ALL
        SELECT u.level - 1, u.parent_pcode FROM admin_unit u
        WHERE c.is_unit AND u.id = c.place_id AND u.withdrawn_reason IS NULL
          AND u.known_at <= coalesce(as_of, 'infinity') AND (u.known_to IS NULL OR u.known_to > coalesce(as_of, 'infinity'))
    ) above
    WHERE above.pcode IS NOT NULL AND above.level <= unit_level
    GROUP BY above.level, above.pcode HAVING sum(c.share) >= 0.5
    ORDER BY above.level DESC, sum(c.share) DESC, above.pcode LIMIT 1
$$;

-- Where an incident belongs: a locality for a precise one, an administrative unit for a coarse one, else nowhere.
-- The claimed P-code decides for a coarse place; for a precise one the geometry does, and a disagreement is flagged.
--
-- The place that was claimed may be gone with its code list. Then a coarse incident belongs to the place that goes on
-- under the code; else to that part of it in which its geometry lies; else to the part that is most of it; else to the
-- unit that holds most of the parts. ``said_at`` is when the code was said; ``as_of`` asks where it belonged then.
DROP FUNCTION vault.place(text, geometry, integer, text);
CREATE FUNCTION vault.place(op text, geom geometry, geo_precision integer, claimed text,
                            said_at timestamptz DEFAULT 'infinity', as_of timestamptz DEFAULT NULL,
                            OUT locality_id uuid, OUT unit_pcode text, OUT outside_claimed boolean)
    LANGUAGE plpgsql STABLE SET search_path = vault, public, pg_temp AS $$
DECLARE
    pt geometry := ST_PointOnSurface(geom);
    unit_level integer := CASE geo_precision WHEN 3 THEN 3 WHEN 4 THEN 2 WHEN 5 THEN 1 END;
    moment timestamptz := coalesce(as_of, 'infinity');
    said timestamptz := coalesce(as_of, said_at);  -- of the past, the code is read as it was used then
    meant text[] := ARRAY[claimed];
    ranked integer;
    here locality;
    named record;
BEGIN
    outside_claimed := false;
    IF claimed IS NOT NULL THEN
        SELECT coalesce(array_agg(c.pcode), meant) INTO meant FROM claimed_places(op, claimed, said, as_of) c;
    END IF;
    IF pt IS NOT NULL THEN
        here := locality_around(op, pt, as_of);
        IF claimed IS NULL THEN
            outside_claimed := false;
        ELSIF here.id IS NOT NULL THEN
            outside_claimed := NOT meant && ARRAY[here.pcode, here.adm1_pcode, here.adm2_pcode, here.adm3_pcode];
        ELSE
            -- In no locality: the claimed unit's own area decides; where nobody knows that area, nothing speaks
            -- against the claim, unless it is a locality, whose area is known not to hold the point.
            outside_claimed := coalesce(
                (SELECT NOT bool_or(ST_Covers(u.area, pt)) FROM admin_unit u
                 WHERE u.operation = op AND u.known_at <= moment AND (u.known_to IS NULL OR u.known_to > moment)
                   AND u.pcode = ANY (meant) AND u.area IS NOT NULL),
                EXISTS (SELECT FROM locality l
                        WHERE l.operation = op AND l.known_at <= moment AND (l.known_to IS NULL OR l.known_to > moment)
                          AND l.pcode = ANY (meant)));
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
        SELECT c.*, c.same OR c.share >= 0.5 OR holds.it AS clear INTO named
        FROM claimed_places(op, claimed, said, as_of) c
        LEFT JOIN admin_unit u ON c.is_unit AND u.id = c.place_id
            AND u.known_at <= moment AND (u.known_to IS NULL OR u.known_to > moment)
        CROSS JOIN LATERAL (SELECT coalesce(c.place_id = here.id OR ST_Covers(u.area, pt), false) AS it) AS holds
        ORDER BY c.same DESC, holds.it DESC, c.share DESC, c.pcode LIMIT 1;
        IF named.place_id IS NULL AND pt IS NULL THEN
            outside_claimed := true;  -- a code that nobody knows: flagged, and placed nowhere
            RETURN;
        ELSIF named.place_id IS NOT NULL AND NOT named.clear THEN
            unit_pcode := unit_above(op, claimed, said, as_of, unit_level);
            IF unit_pcode IS NOT NULL OR pt IS NULL THEN
                outside_claimed := outside_claimed OR unit_pcode IS NULL;
                RETURN;
            END IF;
        ELSIF named.is_unit THEN
            unit_pcode := named.pcode;
            RETURN;
        ELSIF named.place_id IS NOT NULL AND geo_precision = 3 THEN
            locality_id := named.place_id;
            RETURN;
        ELSIF named.place_id IS NOT NULL THEN
            SELECT l.* INTO here FROM locality l
            WHERE l.id = named.place_id AND l.known_at <= moment AND (l.known_to IS NULL OR l.known_to > moment);
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
        WHERE u.operation = op AND u.known_at <= moment AND (u.known_to IS NULL OR u.known_to > moment)
          AND u.withdrawn_reason IS NULL AND u.level = unit_level AND ST_Covers(u.area, pt)
        ORDER BY u.pcode LIMIT 1;
    END IF;
END
$$;

GRANT SELECT, INSERT ON vault.succession TO flashpoint_app;
REVOKE EXECUTE ON FUNCTION vault.locality_around, vault.claimed_places, vault.unit_above, vault.place FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.locality_around, vault.claimed_places, vault.unit_above, vault.place TO flashpoint_app;
